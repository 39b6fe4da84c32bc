// Races of one cluster as pairwise comparisons: a win puts the winner before each loser; who did not run is
// not compared, a tie compares nobody. Pure, a value; made where a decision is needed.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "director/order.hh"
#include "director/recency.hh"

namespace flagfall::director {

class Pairwise {
 public:
  struct Row {
    ServerIndex server = 0;
    unsigned wins = 0;   // races it won
    unsigned races = 0;  // races it ran in
    double won = 0;      // the same, by weight
    double ran = 0;
    double score = 0;  // Copeland's, on weights: for each opponent, from -1 (always lost) to 1
  };

  Pairwise(std::span<const Piece> wins, const Recency& recency);

  [[nodiscard]] std::span<const Row> rows() const { return rows_; }
  [[nodiscard]] const Row* row(ServerIndex server) const;
  /// Weight of the races in which `a` came before `b`.
  [[nodiscard]] double before(ServerIndex a, ServerIndex b) const;
  /// Who has won at least `verdicts` races and this share of those it ran in, and leads everybody that was
  /// compared: directly, or somebody who does. Of several, one whom no other of them beats, the one with the
  /// best score.
  [[nodiscard]] const Row* leader(unsigned verdicts, double share) const;
  /// All that were compared, best first.
  [[nodiscard]] Order order() const;

 private:
  [[nodiscard]] std::size_t place(ServerIndex server) const;  // its row
  [[nodiscard]] bool leads_all(std::size_t from) const;
  std::vector<Row> rows_;       // by server
  std::vector<double> matrix_;  // row by row: before(row, column)
};

}  // namespace flagfall::director
