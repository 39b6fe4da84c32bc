#include "sim/sharing_plan.hh"

namespace flagfall::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Of worlds with two masters: so that what befalls the server is in a fifth of all worlds.
constexpr double kShare = 0.6;

}  // namespace

SharingPlan::SharingPlan(std::uint64_t seed, std::size_t masters, LearningPlan::Who who)
    : lots_(seed),
      masters_(masters),
      shares_(lots_.chance(kShare) && masters > 1 && who == LearningPlan::Who::drawn) {}

void SharingPlan::make_server(World& world, Judge& judge, HostId id, SiteId site, bool faults) {
  world_ = &world;
  judge_ = &judge;
  const double loss = faults && lots_.chance(0.3) ? 0.05 : 0;
  for (SiteId m = 0; m < masters_; ++m)
    for (Path* const path : {&world.network.path(m, site), &world.network.path(site, m)}) {
      path->delay = lots_.between(microseconds(50), milliseconds(40));
      path->jitter = lots_.between(Nanos(1), milliseconds(1));
      path->loss = loss;
    }
  // The product's is 100,000 changes long, which no world makes.
  const std::size_t stream = lots_.chance(0.5) ? lots_.between(2, 20) : 100'000;
  server_ = std::make_unique<RecordsServer>(world, id, site, stream,
                                            [&judge](RefTime until) { judge.sharing_trouble(until); });
  save();
}

/// Now and then, as Redis does (`save`).
void SharingPlan::save() {
  server_->save();
  world_->queue.after(lots_.between(milliseconds(200), seconds(10)), [this] { save(); });
}

SharedStore::Options SharingPlan::options(unsigned master) const {
  SharedStore::Options out;
  if (!shares_) return out;
  out.server = server_.get();
  out.master = master + 1;
  return out;
}

void SharingPlan::befall(RefTime end, const std::function<void()>& away, const std::function<void()>& lost) {
  if (!server_) return;
  const auto plan = [this, end](const std::function<void()>& count, void (SharingPlan::*what)()) {
    if (!lots_.chance(0.8)) return;
    for (unsigned n = lots_.between(1, 5); n > 0; --n)
      world_->queue.after(lots_.between(seconds(1), end - kStart), [this, count, what] {
        count();
        (this->*what)();
      });
  };
  plan(away, &SharingPlan::go_away);
  plan(lost, &SharingPlan::lose);
}

void SharingPlan::go_away() {
  const Nanos how_long = lots_.between(milliseconds(50), seconds(8));
  switch (lots_.between(0, 5)) {
    case 0:
      return server_->restart(how_long, RecordsServer::Left::all);
    case 1:
      return server_->away(how_long);
    case 2:
      return server_->stand_still(how_long);
    default:
      return world_->network.cut(lots_.between(0, static_cast<unsigned>(masters_)), server_->site(),
                                 how_long);
  }
}

void SharingPlan::lose() {
  const Nanos how_long = lots_.between(milliseconds(50), seconds(8));
  const unsigned what = lots_.between(0, 5);
  if (what < 4) judge_->records_lost();
  switch (what) {
    case 0:
      return server_->flush();
    case 1:
      return server_->restart(how_long, RecordsServer::Left::nothing);
    case 2:
    case 3:
      return server_->restart(how_long, RecordsServer::Left::saved);
    default:
      return server_->trim();
  }
}

}  // namespace flagfall::sim
