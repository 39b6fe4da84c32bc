// Who commands a world's masters that have directors: binds, unbinds, drains and undrains. And
// what befalls their disks. Draws from a stream of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/learning_plan.hh"
#include "sim/master_host.hh"

namespace flagfall::sim {

class Operators {
 public:
  struct Options {
    std::vector<MasterHost*> masters{};   // with directors
    std::vector<std::size_t> services{};  // that have one
    std::vector<std::string> slaves{};
    std::vector<IpAddress> clients{};
    RefTime end{};
    bool together = false;  // masters share their records: words about one thing at several of them
  };
  /// Outlives the play.
  Operators(World& world, std::uint64_t seed) : world_(world), lots_(seed) {}

  /// Before the play.
  void begin(Options options);
  /// `hung` and `full` are called for each such trouble. Before the play.
  void spoil_disks(const std::function<void()>& hung, const std::function<void()>& full);

 private:
  [[nodiscard]] Prefix any_prefix();
  void command(Control& desk);
  /// About one thing that there may have been words about, at any master.
  void contest();
  void trouble(double likely, const std::function<void()>& count, void (Disk::*what)(RefTime, Nanos),
               const char* word);
  [[nodiscard]] Nanos some_time(Nanos from) { return lots_.between(from, options_.end - kStart); }

  World& world_;  // NOLINT(*-ref-data-members)
  Lots lots_;
  Options options_;
  std::vector<Prefix> bound_;
};

}  // namespace flagfall::sim
