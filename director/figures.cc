#include "director/figures.hh"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "director/piece_window.hh"

namespace flagfall::director {
namespace {

constexpr double kSilence = std::numeric_limits<double>::infinity();

/// Of an even number the mean of the two in the middle, unless one of them is silence.
double median(std::span<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  const double above = *std::min_element(middle + 1, values.end());
  return std::isinf(above) ? *middle : (*middle + above) / 2;
}

}  // namespace

bool Figures::Row::silent() const {
  return std::isinf(badness);
}

double Figures::Row::value() const {
  return silent() ? 0 : std::abs(badness);
}

Figures::Figures(Kind kind, std::span<const Piece> pieces, unsigned verdicts) : kind_(kind) {
  ServerMask seen = 0;
  for (const Piece& p : pieces)
    if (p.kind == kind) seen |= bit(p.server);
  rows_.reserve(static_cast<std::size_t>(std::popcount(seen)));
  for (; seen != 0; seen &= seen - 1) {
    const auto server = static_cast<ServerIndex>(std::countr_zero(seen));
    // A merge may bring more than PieceWindow::kMostOfOne: the newest count.
    std::array<double, PieceWindow::kMostOfOne> values{};
    std::size_t n = 0;
    unsigned quiet = 0;  // silences at the end
    bool ended = false;
    for (auto p = pieces.rbegin(); p != pieces.rend() && n < values.size(); ++p) {
      if (p->kind != kind || p->server != server) continue;
      values.at(n++) = p->badness();
      ended = ended || !p->silent;
      if (!ended) ++quiet;
    }
    const auto all = std::span(values).first(n);
    double badness = kSilence;
    if (quiet < std::max(verdicts, 1U)) badness = kind == Kind::tcp_rtt ? std::ranges::min(all) : median(all);
    rows_.push_back({server, static_cast<unsigned>(n), badness});
  }
}

const Figures::Row* Figures::row(ServerIndex server) const {
  const auto found = std::ranges::find(rows_, server, &Row::server);
  return found == rows_.end() ? nullptr : &*found;
}

const Figures::Row* Figures::best() const {
  const auto found = std::ranges::min_element(rows_, {}, &Row::badness);
  return found == rows_.end() || found->silent() ? nullptr : &*found;
}

Order Figures::order() const {
  std::vector<Row> sorted = rows_;
  std::ranges::stable_sort(sorted, {}, &Row::badness);
  Order out;
  for (const Row& row : sorted) out.push(row.server);
  return out;
}

bool Figures::clearly_better(const Row& a, const Row& b, const BookOptions& options) const {
  if (a.silent() || b.silent()) return !a.silent();
  const double gain = b.badness - a.badness;
  if (gain <= options.hysteresis * std::abs(b.badness)) return false;
  return more_is_better(kind_) || gain >= std::chrono::duration<double>(options.least_gain).count();
}

unsigned Figures::agreeing(Kind kind, std::span<const Piece> pieces, ServerIndex a, const Row& b) {
  return static_cast<unsigned>(std::ranges::count_if(
      pieces, [&](const Piece& p) { return p.kind == kind && p.server == a && p.badness() < b.badness; }));
}

double Figures::advantage(const Row& a, const Row& b) const {
  if (a.silent() || b.silent()) return 0;
  return more_is_better(kind_) ? a.badness / b.badness : b.badness - a.badness;
}

}  // namespace flagfall::director
