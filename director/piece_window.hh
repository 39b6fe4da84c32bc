// The recent pieces of evidence of one cluster, in the order of time: bounded, and no memory at all while
// there are none. Pure, one owner.
#pragma once

#include <span>
#include <vector>

#include "director/piece.hh"

namespace flagfall::director {

class PieceWindow {
 public:
  /// Races, and figures of all kinds, that one cluster keeps at most; and of these of one kind and server:
  /// what the others have said is not pushed out by one who talks much.
  static constexpr std::size_t kMostWins = 64;
  static constexpr std::size_t kMostFigures = 256;
  static constexpr std::size_t kMostOfOne = 16;

  [[nodiscard]] std::span<const Piece> all() const { return pieces_; }
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  [[nodiscard]] std::size_t size() const { return pieces_.size(); }

  /// In place of the oldest tie, or else of the oldest, when it is full.
  void add_win(const Piece& win);
  /// In place of the oldest of this server and kind, or else of all, when there are enough.
  void add_figure(const Piece& figure);
  /// Forgets what is older, and gives memory back.
  void drop_before(Tick oldest);
  void clear() { std::vector<Piece>().swap(pieces_); }

  /// Takes out what shares `depth` bits with `like`, told from the part's own prefix.
  PieceWindow take_part(const Piece& like, unsigned depth);
  /// Takes in the pieces of the part that `path` leads to in `depth` bits; the newest `most` are kept.
  void take_in(const PieceWindow& part, std::uint32_t path, unsigned depth, std::size_t most);

 private:
  void append(const Piece& piece);
  std::vector<Piece> pieces_;
};

}  // namespace flagfall::director
