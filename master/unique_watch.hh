// Unique names ([director] unique_names): each is asked for once, by the resolver of whoever then fetches it.
// This notices both ends of it, the question here and the request there, and tells the control thread, at a
// rate that no flood of invented names drives up. Pure; one object a loop; no allocation after construction.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/token_bucket.hh"
#include "common/dns/zone_name.hh"
#include "master/race_records.hh"

namespace flagfall::master {

class UniqueWatch {
 public:
  /// Told in a second at most, by one loop: a small part of what its ring holds.
  static constexpr BucketLimit kTold{500, 500};
  /// Octets of the first label at least: shorter ones are soon used twice.
  static constexpr std::size_t kLeastLabel = 8;

  /// Notices nothing.
  UniqueWatch() : hash_(0) {}
  /// `below`: names one label below it, in presentation form; empty: none. `epoch`: the same in all loops of
  /// one start.
  UniqueWatch(const std::string& below, std::uint64_t epoch);

  [[nodiscard]] bool on() const { return !wire_.empty(); }
  /// A question for `name`, lower-case wire form. `log` may be null.
  void asked(Bytes name, const IpAddress& resolver, MonoTime now, RaceLog* log) noexcept;
  /// A request for `host`, as http::Request has it. False: it is no unique name.
  bool fetched(std::string_view host, const IpAddress& client, MonoTime now, RaceLog* log) noexcept;

 private:
  void tell(Bytes label, const IpAddress& who, bool fetched, MonoTime now, RaceLog* log) noexcept;

  dns::WireName wire_;  // of what is below
  std::string text_;    // ".u.example.test"
  QuestionHash hash_;
  TokenBucket bucket_{kTold};
  MonoTime budget_;
};

}  // namespace flagfall::master
