#include "director/pairwise.hh"

#include <algorithm>
#include <bit>

namespace flagfall::director {

Pairwise::Pairwise(std::span<const Piece> wins, const Recency& recency) {
  ServerMask seen = 0;
  for (const Piece& p : wins)
    if (p.compares()) seen |= p.losers | bit(p.server);
  rows_.reserve(static_cast<std::size_t>(std::popcount(seen)));
  for (ServerMask left = seen; left != 0; left &= left - 1)
    rows_.push_back({.server = static_cast<ServerIndex>(std::countr_zero(left))});
  const std::size_t n = rows_.size();
  matrix_.assign(n * n, 0);

  for (const Piece& p : wins) {
    if (!p.compares()) continue;
    const double weight = recency.weight(p);
    const auto place_of = [&](ServerIndex s) {
      return static_cast<std::size_t>(std::popcount(seen & (bit(s) - 1)));
    };
    const std::size_t first = place_of(p.server);
    Row& winner = rows_[first];
    ++winner.wins;
    ++winner.races;
    winner.won += weight;
    winner.ran += weight;
    for (ServerMask left = p.losers; left != 0; left &= left - 1) {
      const std::size_t other = place_of(static_cast<ServerIndex>(std::countr_zero(left)));
      ++rows_[other].races;
      rows_[other].ran += weight;
      matrix_[first * n + other] += weight;
    }
  }
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      const double won = matrix_[a * n + b];
      const double lost = matrix_[b * n + a];
      // Half a race each way, so that one race says less than ten.
      if (won + lost > 0) rows_[a].score += (won - lost) / (won + lost + 1);
    }
  }
}

std::size_t Pairwise::place(ServerIndex server) const {
  const auto found = std::ranges::lower_bound(rows_, server, {}, &Row::server);
  return found != rows_.end() && found->server == server ? static_cast<std::size_t>(found - rows_.begin())
                                                         : rows_.size();
}

const Pairwise::Row* Pairwise::row(ServerIndex server) const {
  const std::size_t i = place(server);
  return i < rows_.size() ? &rows_[i] : nullptr;
}

double Pairwise::before(ServerIndex a, ServerIndex b) const {
  const std::size_t i = place(a);
  const std::size_t j = place(b);
  return i < rows_.size() && j < rows_.size() ? matrix_[i * rows_.size() + j] : 0;
}

bool Pairwise::leads_all(std::size_t from) const {
  const std::size_t n = rows_.size();
  std::vector<bool> behind(n, false);
  std::vector<std::size_t> left{from};
  behind[from] = true;
  while (!left.empty()) {
    const std::size_t a = left.back();
    left.pop_back();
    for (std::size_t b = 0; b < n; ++b) {
      if (behind[b] || matrix_[a * n + b] <= matrix_[b * n + a]) continue;
      behind[b] = true;
      left.push_back(b);
    }
  }
  return std::ranges::find(behind, false) == behind.end();
}

const Pairwise::Row* Pairwise::leader(unsigned verdicts, double share) const {
  const Row* best = nullptr;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    if (row.wins < verdicts || row.won < share * row.ran || !leads_all(i)) continue;
    if (best == nullptr) {
      best = &row;
      continue;
    }
    const double lead = before(row.server, best->server) - before(best->server, row.server);
    if (lead > 0 || (lead == 0 && row.score > best->score)) best = &row;
  }
  return best;
}

Order Pairwise::order() const {
  std::vector<const Row*> sorted;
  sorted.reserve(rows_.size());
  for (const Row& row : rows_) sorted.push_back(&row);
  std::ranges::stable_sort(sorted, [](const Row* a, const Row* b) { return a->score > b->score; });
  Order out;
  for (const Row* row : sorted) out.push(row->server);
  return out;
}

}  // namespace flagfall::director
