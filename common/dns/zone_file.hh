// Reads an RFC 1035 zone file into plain records. All of ldns that we
// use is here and in zone_name.cc. Load time only; touches the file system,
// and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/dns/zone_name.hh"

namespace flagfall::dns {

/// One record, its owner in lower case.
struct ZoneRecord {
  WireName owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::string rdata;                 // wire form, names written out
  std::vector<std::uint16_t> names;  // where names start in rdata
  std::uint32_t place = 0;           // index into ZoneText::files
  std::uint32_t line = 0;            // where it ends
  /// The name that starts at `offset` in rdata.
  [[nodiscard]] Bytes name_at(std::size_t offset) const;
};

struct ZoneText {
  std::vector<std::string> files;  // the zone file, then those it includes
  std::vector<ZoneRecord> records;
  /// "file:line: " of a record, for errors.
  [[nodiscard]] std::string where(const ZoneRecord& record) const;
};

/// Reads the file and what it includes ($INCLUDE, relative to the including file). Records of another class,
/// data that ldns cannot read and names outside `origin` are errors, with "file:line: ".
Result<ZoneText> read_zone_file(const std::string& file, const WireName& origin);

}  // namespace flagfall::dns
