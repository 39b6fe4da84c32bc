#include "common/wire/proxy_header.hh"

#include <cassert>
#include <string_view>

namespace flagfall::wire {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::uint8_t kOwn = 0x20, kProxied = 0x21;  // version 2; the relay's own, or a client's
constexpr std::uint8_t kNoFamily = 0x00, kFamily4 = 0x10, kFamily6 = 0x20;
constexpr std::uint8_t kStream = 0x01, kDatagram = 0x02;
constexpr std::size_t kPorts = 4;

}  // namespace

void write_proxy_header(Proxied what, const Endpoint& client, const Endpoint& asked, ByteWriter& out) {
  assert(client.ip.family == asked.ip.family);
  out.bytes(as_bytes(kSignature));
  out.u8(kProxied);
  out.u8(static_cast<std::uint8_t>((client.ip.family == Family::v4 ? kFamily4 : kFamily6) |
                                   (what == Proxied::tcp ? kStream : kDatagram)));
  out.u16(static_cast<std::uint16_t>(2 * client.ip.size() + kPorts));
  out.bytes(client.ip.bytes());
  out.bytes(asked.ip.bytes());
  out.u16(client.port);
  out.u16(asked.port);
}

void write_own_proxy_header(ByteWriter& out) {
  out.bytes(as_bytes(kSignature));
  out.u8(kOwn);
  out.u8(kNoFamily);
  out.u16(0);
}

}  // namespace flagfall::wire
