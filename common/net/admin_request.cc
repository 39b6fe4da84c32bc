#include "common/net/admin_request.hh"

#include <fmt/core.h>

#include <algorithm>

namespace flagfall::net {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    std::size_t taken = 1;
    if (c == '%') {
      if (text.size() < 3 || hex(text[1]) < 0 || hex(text[2]) < 0)
        return Error{"query: '%' is not followed by two hexadecimal digits"};
      c = static_cast<char>(hex(text[1]) * 16 + hex(text[2]));
      taken = 3;
    } else if (c == '+') {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Error{"query: a control character"};
    if (out.size() == kMostParameter)
      return Error{fmt::format("query: a name or value of more than {} octets", kMostParameter)};
    out += c;
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace

std::string to_string(const AdminPeer& peer) {
  if (peer.process) return fmt::format("uid {}, pid {}", peer.process->uid, peer.process->pid);
  return to_string(peer.address);
}

const std::string* AdminRequest::parameter(std::string_view name) const {
  const auto at =
      std::ranges::find(query, name, [](const auto& one) -> std::string_view { return one.first; });
  return at == query.end() ? nullptr : &at->second;
}

Result<AdminRequest::Query> parse_query(std::string_view text) {
  AdminRequest::Query out;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    if (one.empty()) continue;
    const std::size_t equals = std::min(one.find('='), one.size());
    auto name = decoded(one.substr(0, equals));
    if (!name) return Error{name.error()};
    auto value = decoded(one.substr(std::min(one.size(), equals + 1)));
    if (!value) return Error{value.error()};
    if (name->empty()) return Error{"query: a parameter without a name"};
    if (out.size() == kMostParameters)
      return Error{fmt::format("query: more than {} parameters", kMostParameters)};
    if (std::ranges::find(out, *name, &AdminRequest::Query::value_type::first) != out.end())
      return Error{"query: a parameter is there twice"};
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

}  // namespace flagfall::net
