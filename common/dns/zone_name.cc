#include "common/dns/zone_name.hh"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "common/dns/ldns.hh"
#include "common/wire/dns.hh"

namespace flagfall::dns {

Result<WireName> parse_name(const std::string& text) {
  const std::unique_ptr<ldns_rdf, decltype(&ldns_rdf_deep_free)> rdf(ldns_dname_new_frm_str(text.c_str()),
                                                                     ldns_rdf_deep_free);
  if (text.empty() || !rdf) return Error{fmt::format("'{}' is not a domain name", text)};
  return lower_name({ldns_rdf_data(rdf.get()), ldns_rdf_size(rdf.get())});
}

std::string name_text(Bytes name) {
  std::string out;
  for (std::size_t at = 0; at < name.size() && name[at] != 0; at += 1U + name[at]) {
    for (const std::uint8_t c : name.subspan(at + 1, name[at])) {
      if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' || c == '$') {
        out += '\\';
        out += static_cast<char>(c);
      } else if (c <= ' ' || c >= 0x7f) {
        out += fmt::format("\\{:03}", c);
      } else {
        out += static_cast<char>(c);
      }
    }
    out += '.';
  }
  return out.empty() ? "." : out;
}

WireName lower_name(Bytes name) {
  WireName out(as_text(name));
  // Length octets are at most 63, below 'A': they stay as they are.
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return static_cast<char>(wire::lower(static_cast<std::uint8_t>(c))); });
  return out;
}

std::vector<std::size_t> label_offsets(Bytes name) {
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at < name.size() && name[at] != 0; at += 1U + name[at]) out.push_back(at);
  return out;
}

bool at_or_below(Bytes name, Bytes ancestor) {
  for (std::size_t at = 0; at < name.size(); at += 1U + name[at])
    if (name.size() - at == ancestor.size()) return std::ranges::equal(name.subspan(at), ancestor);
  return false;
}

std::size_t shared_suffix(Bytes a, Bytes b) {
  const auto from = label_offsets(a);
  const auto other = label_offsets(b);
  std::size_t shared = 1;
  for (std::size_t i = 1; i <= std::min(from.size(), other.size()); ++i) {
    const Bytes x = a.subspan(from[from.size() - i]);
    const Bytes y = b.subspan(other[other.size() - i]);
    const auto same = [](std::uint8_t p, std::uint8_t q) { return wire::lower(p) == wire::lower(q); };
    if (!std::ranges::equal(x, y, same)) break;
    shared = x.size();
  }
  return shared;
}

Bytes parent_of(Bytes name) {
  return name.subspan(1U + name[0]);
}

}  // namespace flagfall::dns
