// What the tests of this folder share: DNS queries, services, and sealed order
// datagrams as a master makes them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/seal.hh"
#include "common/wire/order.hh"
#include "common/wire/session.hh"

namespace flagfall::slave::testing {

/// An A, AAAA or other query; with EDNS and, when `cookie`, a client cookie.
inline std::vector<std::uint8_t> query(std::string_view name, std::uint16_t type, bool edns = false,
                                       bool cookie = false) {
  std::vector<std::uint8_t> out(512);
  ByteWriter w(out);
  w.u16(0x1234);
  w.u16(0x0100);
  w.u16(1);
  w.u16(0);
  w.u16(0);
  w.u16(edns || cookie ? 1 : 0);
  while (!name.empty()) {
    const auto dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    w.u8(static_cast<std::uint8_t>(label.size()));
    w.bytes(as_bytes(label));
    name = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  }
  w.u8(0);
  w.u16(type);
  w.u16(1);
  if (edns || cookie) {
    w.u8(0);
    w.u16(41);
    w.u16(1232);
    w.u32(0);
    w.u16(cookie ? 12 : 0);
    if (cookie) {
      w.u16(10);
      w.u16(8);
      w.bytes(as_bytes("clientck"));
    }
  }
  out.resize(w.size());
  return out;
}

inline wire::Service service(std::string name, std::vector<Endpoint> addresses,
                             std::vector<IpAddress> answers, wire::LatePolicy late = wire::LatePolicy::send) {
  wire::Service out;
  out.name = std::move(name);
  out.addresses = std::move(addresses);
  out.answers = std::move(answers);
  out.ttl = 30;
  out.late = late;
  return out;
}

/// A master's end of one session's orders.
class Master {
 public:
  explicit Master(std::uint32_t session = 7, std::uint8_t fill = 0x5a)
      : key_(filled(fill)), session_(session), sealer_(key_, session, 0) {}
  [[nodiscard]] const net::SealKey& key() const { return key_; }
  [[nodiscard]] std::uint32_t session() const { return session_; }

  std::vector<std::uint8_t> seal(const std::vector<wire::Order>& orders, RefTime sent) {
    std::vector<std::uint8_t> out(9000);
    wire::OrderWriter writer(MutableBytes(out).subspan(net::kSealHeader, out.size() - net::kSealOverhead),
                             sent);
    for (const wire::Order& order : orders) (void)writer.add(order);
    return finish(std::move(out), writer.size());
  }
  /// Any plaintext at all, correctly sealed.
  std::vector<std::uint8_t> seal_bytes(Bytes plaintext) {
    std::vector<std::uint8_t> out(plaintext.size() + net::kSealOverhead);
    std::copy(plaintext.begin(), plaintext.end(), out.begin() + net::kSealHeader);
    return finish(std::move(out), plaintext.size());
  }

 private:
  std::vector<std::uint8_t> finish(std::vector<std::uint8_t> out, std::size_t plain) {
    out.resize(sealer_.seal(out, plain));
    return out;
  }
  static net::SealKey filled(std::uint8_t fill) {
    net::SealKey key{};
    key.fill(fill);
    return key;
  }
  net::SealKey key_;
  std::uint32_t session_;
  net::Sealer sealer_;
};

}  // namespace flagfall::slave::testing
