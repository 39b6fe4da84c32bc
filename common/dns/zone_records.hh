// Renders records into PreparedRecords: owners and the names in RDATA become
// compression pointers where that is right for every query that the records
// will answer. Load time only.
#pragma once

#include <string>
#include <vector>

#include "common/dns/zone_file.hh"
#include "common/wire/dns_answer.hh"

namespace flagfall::dns {

/// The records of one owner and type; not empty.
struct RrSet {
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;  // one for all (RFC 2181 §5.2)
  std::vector<const ZoneRecord*> records;
};

class RecordBlock {
 public:
  /// What is sure about the name that will be asked for, lower case; the octets outlive the block.
  struct Known {
    Bytes suffix;        // it ends with this; pointers lead there
    bool whole = false;  // and is this: pointers need no patching
  };
  /// `follows_question`: the block stands right behind the question, so that names may also point to names in
  /// it.
  RecordBlock(Known known, bool follows_question) : known_(known), follows_question_(follows_question) {}

  /// The owner is the name asked for.
  void add_for_question(const RrSet& set) { add(set, {}); }
  /// The owner is `owner`, lower case.
  void add(const RrSet& set, Bytes owner);
  /// One record without a zone record behind it; the owner is the name asked for.
  void add_plain(std::uint16_t type, std::uint32_t ttl, Bytes rdata);

  /// A DNAME whose owner is the known suffix, and the CNAME that goes with it, made for each question (RFC
  /// 6672 §3.1).
  void add_dname(const RrSet& set);

  [[nodiscard]] wire::PreparedRecords take() { return std::move(out_); }

 private:
  struct Written {
    WireName name;
    std::size_t at;
  };
  void head(Bytes owner, std::uint16_t type, std::uint32_t ttl);
  void name(Bytes name);
  void rdata(const ZoneRecord& record);
  void pointer(std::int16_t add);
  void u16(std::size_t value);

  Known known_;
  bool follows_question_;
  wire::PreparedRecords out_;
  std::vector<Written> written_;
};

}  // namespace flagfall::dns
