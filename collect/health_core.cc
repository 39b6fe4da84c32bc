#include "collect/health_core.hh"

namespace flagfall::collect {

bool HealthCore::start(MonoTime now) {
  if (under_way_ || now < next_) return false;
  under_way_ = true;
  limit_ = now + options_.timeout + kGrace;
  // Missed turns are not made up for.
  next_ += options_.interval;
  if (next_ <= now) next_ = now + options_.interval;
  return true;
}

void HealthCore::finished(const Finding& finding, MonoTime now) {
  if (!under_way_) return;
  under_way_ = false;
  if (finding.verdict != Finding::Verdict::good) why_ = finding.why;
  switch (finding.verdict) {
    case Finding::Verdict::good:
      bad_ = 0;
      if (++good_ < options_.rise) break;
      good_ = options_.rise;
      why_.clear();
      become(wire::Health::up, now);
      break;
    case Finding::Verdict::bad:
      good_ = 0;
      if (++bad_ < options_.fall) break;
      bad_ = options_.fall;
      become(wire::Health::down, now);
      break;
    case Finding::Verdict::broken:
      good_ = bad_ = 0;
      become(wire::Health::unknown, now);
      break;
  }
}

bool HealthCore::overdue(MonoTime now) {
  if (!under_way_ || now < limit_) return false;
  finished({Finding::Verdict::broken, "the probe has not finished"}, now);
  return true;
}

MonoTime HealthCore::next_deadline() const {
  return under_way_ ? limit_ : next_;
}

void HealthCore::become(wire::Health state, MonoTime now) {
  if (state_ == state) return;
  state_ = state;
  since_ = now;
}

}  // namespace flagfall::collect
