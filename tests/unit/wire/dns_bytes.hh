// Makes DNS queries for tests, good ones and bad ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/dns.hh"

namespace flagfall::test {

using Octets = std::vector<std::uint8_t>;

inline void put16(Octets& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}
inline void put(Octets& out, Bytes b) {
  out.insert(out.end(), b.begin(), b.end());
}

inline Octets hex(std::string_view digits) {
  Octets out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return out;
}

/// "www.example.test" without escapes; "." is the root.
inline Octets wire_name(std::string_view text) {
  Octets out;
  while (!text.empty() && text != ".") {
    const auto dot = std::min(text.find('.'), text.size());
    out.push_back(static_cast<std::uint8_t>(dot));
    put(out, as_bytes(text.substr(0, dot)));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  out.push_back(0);
  return out;
}

/// A query in the making; change what the test is about.
struct Query {
  std::string name = "www.example.test";
  std::uint16_t type = wire::rrtype::kA;
  std::uint16_t klass = wire::kClassIn;
  std::uint16_t id = 0x1234;
  std::uint16_t flags = 0x0100;  // RD
  std::uint16_t questions = 1;   // the count; one is written unless it is 0
  bool edns = false;
  std::uint16_t size = 1232;
  std::uint8_t version = 0;
  std::uint16_t edns_flags = 0;  // 0x8000 is DO
  Octets options = {};

  Query& option(std::uint16_t code, Bytes data) {
    edns = true;
    put16(options, code);
    put16(options, static_cast<unsigned>(data.size()));
    put(options, data);
    return *this;
  }
  [[nodiscard]] Octets bytes() const {
    Octets out;
    for (const unsigned v : {unsigned{id}, unsigned{flags}, unsigned{questions}, 0U, 0U, edns ? 1U : 0U})
      put16(out, v);
    if (questions > 0) {
      put(out, wire_name(name));
      put16(out, type);
      put16(out, klass);
    }
    if (edns) put(out, opt());
    return out;
  }
  [[nodiscard]] Octets opt() const {
    Octets out{0};
    for (const unsigned v : {unsigned{wire::rrtype::kOpt}, unsigned{size}, unsigned{version},
                             unsigned{edns_flags}, static_cast<unsigned>(options.size())})
      put16(out, v);
    put(out, options);
    return out;
  }
};

}  // namespace flagfall::test
