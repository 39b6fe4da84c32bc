// Whether a content server is up, by thresholds both ways. Fed what probes found
// and the time; says when the next is due. A monitor that died, or has not finished,
// knows nothing: the state is then unknown, never up. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/time.hh"
#include "common/wire/evidence.hh"

namespace flagfall::collect {

/// What one probe found out.
struct Finding {
  enum class Verdict : std::uint8_t {
    good,
    bad,
    broken,  // the probe itself failed: it says nothing about the server
  } verdict = Verdict::broken;
  std::string why;  // unless good: one line
};

struct HealthOptions {
  Nanos interval = std::chrono::seconds(5);  // from one probe's start to the next's
  Nanos timeout = std::chrono::seconds(2);
  unsigned rise = 2;  // good ones in a row that make it up
  unsigned fall = 3;  // bad ones in a row that make it down
};

class HealthCore {
 public:
  /// A probe that has not finished so long after its time-out never will.
  static constexpr Nanos kGrace = std::chrono::seconds(1);

  /// The first probe is due at once.
  HealthCore(const HealthOptions& options, MonoTime now) : options_(options), since_(now), next_(now) {}

  /// Whether to start a probe now; from then on one is under way.
  [[nodiscard]] bool start(MonoTime now);
  /// The one that is under way has ended.
  void finished(const Finding& finding, MonoTime now);
  /// True: the one that is under way must be ended by force; it counts as broken.
  [[nodiscard]] bool overdue(MonoTime now);
  /// When start() or overdue() may say something new.
  [[nodiscard]] MonoTime next_deadline() const;

  [[nodiscard]] wire::Health state() const { return state_; }
  /// Since when.
  [[nodiscard]] MonoTime since() const { return since_; }
  /// What the last probe that was not good said.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  void become(wire::Health state, MonoTime now);

  HealthOptions options_;
  wire::Health state_ = wire::Health::unknown;
  MonoTime since_;
  MonoTime next_;
  MonoTime limit_;
  bool under_way_ = false;
  unsigned good_ = 0;  // in a row
  unsigned bad_ = 0;
  std::string why_ = "no probe has finished yet";
};

}  // namespace flagfall::collect
