// The classic pcap format with nanosecond stamps, link type RAW: a file header,
// then for each packet a record header and the IP packet. Bytes only.
// Source: draft-ietf-opsawg-pcap.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.hh"
#include "common/base/time.hh"

namespace flagfall::lab {

inline constexpr std::size_t kPcapFileHeader = 24;
inline constexpr std::size_t kPcapRecordHeader = 16;

/// Big-endian, which every reader takes, as the magic number says.
std::array<std::uint8_t, kPcapFileHeader> pcap_file_header(std::uint32_t snap_length);
/// A whole packet of `length` octets follows it.
std::array<std::uint8_t, kPcapRecordHeader> pcap_record_header(RealTime stamp, std::uint32_t length);

}  // namespace flagfall::lab
