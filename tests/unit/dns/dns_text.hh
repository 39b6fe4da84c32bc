// Reads answers with ldns, a decoder that is not ours, into text that tests
// compare; and loads zones from text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/dns/zone.hh"

namespace flagfall::test {

/// An answer as ldns understands it. Records are "owner TTL TYPE rdata", names with their case.
struct Answer {
  bool readable = false;
  unsigned id = 0, rcode = 0, opcode = 0;
  bool qr = false, aa = false, tc = false, rd = false, ra = false, ad = false, cd = false;
  std::vector<std::string> question, answer, authority, additional;
  bool edns = false, dnssec_ok = false;
  unsigned udp_size = 0, version = 0, extended_rcode = 0;  // all twelve bits
  std::vector<std::pair<unsigned, std::string>> options;   // code, data
  [[nodiscard]] const std::string* option(unsigned code) const;
};
Answer read_answer(Bytes wire);

/// A directory of its own that goes away with it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir(TempDir&&) = delete;
  TempDir& operator=(TempDir&&) = delete;
  /// Writes a file into it; gives its path.
  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The zone, or the error in `error` with the directory's path cut off.
std::unique_ptr<dns::Zone> load_zone_text(const std::string& text, const std::vector<dns::RacedName>& raced,
                                          std::string& error, const std::string& origin = "example.test");

/// tests/unit/dns/example.zone, with "www" and "*.race" raced by services 0 and 1.
std::unique_ptr<dns::Zone> example_zone();

}  // namespace flagfall::test
