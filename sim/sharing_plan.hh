// Which masters of a random world share their directors' records, over which server,
// and what befalls that server. Draws from a stream of its own.
#pragma once

#include <functional>
#include <memory>

#include "sim/judge.hh"
#include "sim/learning_plan.hh"
#include "sim/shared_store.hh"

namespace flagfall::sim {

class SharingPlan {
 public:
  /// `masters`: those of the world; two are needed.
  SharingPlan(std::uint64_t seed, std::size_t masters, LearningPlan::Who who);

  [[nodiscard]] bool shares() const { return shares_; }
  /// At a site of its own, whose paths are laid here. Outlives the play.
  void make_server(World& world, Judge& judge, HostId id, SiteId site, bool faults);
  /// Of a master's store; nothing is shared before there is a server.
  [[nodiscard]] SharedStore::Options options(unsigned master) const;
  /// Is the server on the left side of a split?
  [[nodiscard]] bool side() { return lots_.chance(0.5); }
  /// `away` and `lost` are called for each such trouble. Before the play.
  void befall(RefTime end, const std::function<void()>& away, const std::function<void()>& lost);

 private:
  void go_away();
  void lose();
  void save();

  Lots lots_;
  std::size_t masters_;
  bool shares_;
  World* world_ = nullptr;
  Judge* judge_ = nullptr;
  std::unique_ptr<RecordsServer> server_;
};

}  // namespace flagfall::sim
