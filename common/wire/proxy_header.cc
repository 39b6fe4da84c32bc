#include "common/wire/proxy_header.hh"

#include <cassert>
#include <string_view>

namespace flagfall::wire {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::uint8_t kProxied = 0x21;  // version 2; not a connection of the relay's own
constexpr std::uint8_t kTcp4 = 0x11, kTcp6 = 0x21;
constexpr std::size_t kPorts = 4;

}  // namespace

void write_proxy_header(const Endpoint& client, const Endpoint& asked, ByteWriter& out) {
  assert(client.ip.family == asked.ip.family);
  out.bytes(as_bytes(kSignature));
  out.u8(kProxied);
  out.u8(client.ip.family == Family::v4 ? kTcp4 : kTcp6);
  out.u16(static_cast<std::uint16_t>(2 * client.ip.size() + kPorts));
  out.bytes(client.ip.bytes());
  out.bytes(asked.ip.bytes());
  out.u16(client.port);
  out.u16(asked.port);
}

}  // namespace flagfall::wire
