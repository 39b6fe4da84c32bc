// Whose answer a quoted one was: from a service's answer addresses to slaves,
// made once from the configuration. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "master/config.hh"

namespace flagfall::master {

class AnswerOwners {
 public:
  explicit AnswerOwners(const Config& config);

  /// Which of the runners (slave indexes) gave these addresses: the place among them. The first address that
  /// is one runner's alone decides; nothing when there are only shared ones, kNobody when no runner has any.
  static constexpr unsigned kNobody = ~0U;
  [[nodiscard]] std::optional<unsigned> runner_of(std::uint16_t service, std::span<const IpAddress> answers,
                                                  std::span<const std::uint16_t> runners) const;
  [[nodiscard]] std::uint32_t ttl(std::uint16_t service) const { return services_.at(service).ttl; }
  [[nodiscard]] std::size_t services() const { return services_.size(); }

 private:
  struct Service {
    std::uint32_t ttl = 0;
    std::vector<std::pair<IpAddress, std::uint16_t>> owners;  // sorted
  };
  std::vector<Service> services_;
};

}  // namespace flagfall::master
