// Authoritative data, compiled at load time from an RFC 1035 zone file (ldns)
// into prepared records. Immutable afterwards: all loops read one Zone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/random.hh"
#include "common/base/result.hh"
#include "common/wire/dns_answer.hh"

namespace flagfall::dns {

/// What a look-up found; pointers into the zone.
struct Lookup {
  enum class Kind : std::uint8_t {
    other_zone,  // the name is not below the apex
    answer,      // answer holds the records (after CNAMEs within the zone)
    referral,    // authority holds the NS records of a delegation, additional its glue
    nodata,      // the name exists, the type does not: authority holds the SOA; answer as below
    too_long,  // what a DNAME makes of the name has no room: answer holds the DNAME (RFC 6672 §2.2, YXDOMAIN)
    nxdomain,  // authority holds the SOA; answer the CNAMEs that led there, if any (RFC 6604)
  } kind = Kind::other_zone;
  const wire::PreparedRecords* answer = nullptr;
  const wire::PreparedRecords* authority = nullptr;
  const wire::PreparedRecords* additional = nullptr;
  bool additional_required = false;  // glue without which a referral is useless (RFC 9471)
  /// Index of the raced service this name belongs to (exactly or by its wildcard), or -1.
  std::int32_t service = -1;
};

struct ZoneData;  // common/dns/zone_data.hh
struct ZoneText;  // common/dns/zone_file.hh

/// A name, wildcard or not, whose A and AAAA queries may be raced.
struct RacedName {
  std::string name;       // presentation form: "www.example.test", "*.race.example.test"
  std::uint16_t service;  // index
};

/// Whether `name` is `zone` or lies below it, both in presentation form: tells which zone a raced name
/// belongs to (the longest that matches). An error when one of them is no domain name.
Result<bool> name_in_zone(const std::string& name, const std::string& zone);

class Zone {
 public:
  /// Errors carry `file:line:`. Every raced name must have A or AAAA records of
  /// its own in the zone: they are what a client gets when there is no race.
  /// `random` keys the hash table of names; it is only used during the call. `undelegated`: names whose
  /// delegation (NS and DS records) is left out, so that what the file has at and below them is served here.
  static Result<std::unique_ptr<Zone>> load(const std::string& file, const std::string& origin,
                                            const std::vector<RacedName>& raced, Random& random,
                                            const std::vector<std::string>& undelegated = {});
  /// The same from records that come from elsewhere.
  static Result<std::unique_ptr<Zone>> make(const ZoneText& text, const std::string& origin,
                                            const std::vector<RacedName>& raced, Random& random);
  ~Zone();
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  Zone(Zone&&) = delete;
  Zone& operator=(Zone&&) = delete;

  /// `name` in lower-case wire form. No allocation. RFC 1034 §4.3.2, RFC 4592 wildcards.
  [[nodiscard]] Lookup find(Bytes name, std::uint16_t type) const noexcept;
  [[nodiscard]] std::size_t record_count() const;
  /// The zone's own name, lower-case wire form.
  [[nodiscard]] Bytes apex() const noexcept;
  /// The name servers that this name is delegated to, lower case; none when it is not a delegation's.
  [[nodiscard]] std::vector<std::string> delegation(Bytes name) const;
  /// What was loaded but deserves a line in the log ("file:line: text").
  [[nodiscard]] const std::vector<std::string>& warnings() const;

 private:
  explicit Zone(std::unique_ptr<const ZoneData> data);
  std::unique_ptr<const ZoneData> data_;
};

using Zones = std::vector<std::unique_ptr<Zone>>;

}  // namespace flagfall::dns
