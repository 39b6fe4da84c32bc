// What a random world's masters learn, and how: whether they do, what their directors go by,
// and how small their tables are. Draws from a stream of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/config.hh"
#include "sim/judge.hh"
#include "sim/lots.hh"

namespace flagfall::sim {

class LearningPlan {
 public:
  enum class Who : std::uint8_t {
    nobody,
    drawn,
    all,  // every master, with no director, from clients that are patient and races that teach
  };
  LearningPlan(std::uint64_t seed, Who who);

  /// Every master learns and directs, and all in the same way. Before anything else.
  void share() { learns_ = directs_ = shares_ = true; }

  [[nodiscard]] bool directs() const { return directs_; }
  /// No client asks again within 400 ms, and the operators know it.
  [[nodiscard]] bool patient() const { return patient_; }

  /// The ceilings of tables.
  void promise(Promises& promises);
  /// Is this master among those that learn? The last one always is, when some are.
  [[nodiscard]] bool among(bool last) {
    return learns_ && (lots_.chance(0.5) || last || shares_ || who_ == Who::all);
  }
  /// Some of the masters that learn race with beacons.
  [[nodiscard]] bool beacons() const { return beacons_; }
  /// What a resolver's cache keeps everything for at least.
  [[nodiscard]] Nanos least_ttl();
  /// Policies of these services; one without slaves has none.
  void choose_policies(const std::vector<master::ServiceConfig>& services);
  [[nodiscard]] const std::vector<std::vector<director::Policy>>& policies() const { return policies_; }
  /// A master that learns has this in its configuration.
  void configure(master::Config& config, const Promises& promises);
  /// What the judge is told of its directors.
  [[nodiscard]] static std::vector<std::optional<Directed>> directed(const master::Config& config);
  /// Of a slave that has a zone for beacons.
  [[nodiscard]] static NameServer name_server(unsigned number, const std::string& slave,
                                              const std::vector<IpAddress>& answers,
                                              const std::vector<master::ServiceConfig>& services);
  /// What is said when no server is fit, where all_down has addresses.
  [[nodiscard]] static std::vector<IpAddress> sorry();

 private:
  void configure_beacons(master::Config& config);
  Lots lots_;
  Lots beacon_lots_;  // worlds without beacons stay as they are
  Who who_;
  bool learns_, directs_, patient_, beacons_;
  bool shares_ = false;
  std::optional<master::DirectorConfig> first_;          // where all direct in the same way
  std::vector<std::vector<director::Policy>> policies_;  // by service
  std::vector<director::AllDown> all_down_;
};

}  // namespace flagfall::sim
