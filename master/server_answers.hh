// What the master answers with for each server of a service, prepared once: its addresses in wire form, by
// family and by what the answer's TTL depends on. Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/wire/dns_answer.hh"
#include "director/order.hh"

namespace flagfall::master {

struct ServiceConfig;  // master/config.hh

/// How sure an answer is, and so how long it may be kept.
enum class Standing : std::uint8_t { learning, bound, nobody_fit };

class ServerAnswers {
 public:
  /// `borders`: the names of all, in their order.
  explicit ServerAnswers(const ServiceConfig& service, const std::vector<std::string>& borders = {});

  /// Who has addresses of this type (A, AAAA).
  [[nodiscard]] director::ServerMask able(bool v6) const { return able_.at(v6 ? 1 : 0); }
  /// One server's own; with a way (director::Ways), those that its packets leave by that border with, where
  /// it has any of this type.
  [[nodiscard]] const wire::PreparedRecords& of(director::ServerIndex server, std::uint8_t way, bool v6,
                                                Standing standing) const {
    const Records& own = records_.at(server);
    const auto& ways = ways_.at(server);
    const auto family = static_cast<std::size_t>(v6 ? 1 : 0);
    const bool there = way < ways.size() && ways[way].at(family).front().count > 0;
    return (there ? ways[way] : own).at(family).at(static_cast<std::size_t>(standing));
  }
  /// Addresses that are none of its servers' answer while nobody is fit (all_down); perhaps none of a family.
  [[nodiscard]] bool has_instead() const { return has_instead_; }
  [[nodiscard]] const wire::PreparedRecords& instead(bool v6) const { return instead_.at(v6 ? 1 : 0); }
  /// Servers in one answer at most.
  [[nodiscard]] unsigned count() const { return count_; }

 private:
  using Records = std::array<std::array<wire::PreparedRecords, 3>, 2>;  // v6, standing
  std::array<director::ServerMask, 2> able_{};
  std::vector<Records> records_;            // by server
  std::vector<std::vector<Records>> ways_;  // by server and way; way 0 is none
  std::array<wire::PreparedRecords, 2> instead_;
  bool has_instead_ = false;
  unsigned count_ = 1;
};

}  // namespace flagfall::master
