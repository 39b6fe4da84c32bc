#include "lab/pcap.hh"

namespace flagfall::lab {

namespace {
constexpr std::uint32_t kMagicNanos = 0xa1b23c4d;
constexpr std::uint16_t kMajor = 2, kMinor = 4;
constexpr std::uint32_t kLinkTypeRaw = 101;
}  // namespace

std::array<std::uint8_t, kPcapFileHeader> pcap_file_header(std::uint32_t snap_length) {
  std::array<std::uint8_t, kPcapFileHeader> out{};
  ByteWriter w(out);
  w.u32(kMagicNanos);
  w.u16(kMajor);
  w.u16(kMinor);
  w.u32(0);
  w.u32(0);
  w.u32(snap_length);
  w.u32(kLinkTypeRaw);
  return out;
}

std::array<std::uint8_t, kPcapRecordHeader> pcap_record_header(RealTime stamp, std::uint32_t length) {
  std::array<std::uint8_t, kPcapRecordHeader> out{};
  const timespec t = to_timespec(stamp.time_since_epoch());
  ByteWriter w(out);
  w.u32(static_cast<std::uint32_t>(t.tv_sec));
  w.u32(static_cast<std::uint32_t>(t.tv_nsec));
  w.u32(length);
  w.u32(length);
  return out;
}

}  // namespace flagfall::lab
