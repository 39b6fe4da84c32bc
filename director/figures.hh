// Robust recent figures of one kind in one cluster, a row a server: the minimum of TCP round trips (what is
// above it is queues and delayed acknowledgements), the median of all else. Pure, a value; made where needed.
#pragma once

#include <span>
#include <vector>

#include "director/book_options.hh"
#include "director/order.hh"
#include "director/piece.hh"

namespace flagfall::director {

class Figures {
 public:
  struct Row {
    ServerIndex server = 0;
    unsigned pieces = 0;
    double badness = 0;  // as Piece::badness; infinite: it is silent
    [[nodiscard]] bool silent() const;
    /// In the kind's own unit; 0: silent.
    [[nodiscard]] double value() const;
  };

  /// `verdicts`: so many silences at the end are silence, whatever was before.
  Figures(Kind kind, std::span<const Piece> pieces, unsigned verdicts);

  [[nodiscard]] std::span<const Row> rows() const { return rows_; }  // by server
  [[nodiscard]] const Row* row(ServerIndex server) const;
  [[nodiscard]] const Row* best() const;  // of those that answered; nullptr: none
  /// All, best first.
  [[nodiscard]] Order order() const;
  /// `a` is better by more than the hysteresis, and for times the least gain, too.
  [[nodiscard]] bool clearly_better(const Row& a, const Row& b, const BookOptions& options) const;
  /// How many pieces of `a` alone are better than the figure of `b`.
  [[nodiscard]] static unsigned agreeing(Kind kind, std::span<const Piece> pieces, ServerIndex a,
                                         const Row& b);
  /// Of the first before the second: seconds, or a ratio of rates; 0 where one is silent.
  [[nodiscard]] double advantage(const Row& a, const Row& b) const;

 private:
  Kind kind_;
  std::vector<Row> rows_;
};

}  // namespace flagfall::director
