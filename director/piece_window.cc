#include "director/piece_window.hh"

#include <bit>

namespace flagfall::director {

void PieceWindow::append(const Piece& piece) {
  // The first block is what a cluster that is bound at once needs.
  if (pieces_.size() == pieces_.capacity()) pieces_.reserve(std::max<std::size_t>(4, 2 * pieces_.size()));
  pieces_.push_back(piece);
}

void PieceWindow::add_win(const Piece& win) {
  if (pieces_.size() >= kMostWins) {
    const auto tie = std::ranges::find_if(pieces_, [](const Piece& p) { return p.tie; });
    pieces_.erase(tie != pieces_.end() ? tie : pieces_.begin());
  }
  append(win);
}

void PieceWindow::add_figure(const Piece& figure) {
  const auto same = [&](const Piece& p) { return p.kind == figure.kind && p.server == figure.server; };
  if (pieces_.size() >= kMostOfOne &&
      static_cast<std::size_t>(std::ranges::count_if(pieces_, same)) >= kMostOfOne)
    pieces_.erase(std::ranges::find_if(pieces_, same));
  else if (pieces_.size() >= kMostFigures)
    pieces_.erase(pieces_.begin());
  append(figure);
}

void PieceWindow::drop_before(Tick oldest) {
  const auto keep = std::ranges::find_if(pieces_, [&](const Piece& p) { return p.at >= oldest; });
  if (keep == pieces_.begin()) return;
  pieces_.erase(pieces_.begin(), keep);
  if (pieces_.empty()) clear();
}

PieceWindow PieceWindow::take_part(const Piece& like, unsigned depth) {
  PieceWindow part;
  std::vector<Piece> rest;
  for (Piece piece : pieces_) {
    if (shared_bits(piece, like) < depth) {
      rest.push_back(piece);
      continue;
    }
    piece.place = depth < 32 ? piece.place << depth : 0;
    piece.known = static_cast<std::uint8_t>(piece.known - depth);
    part.append(piece);
  }
  pieces_ = std::move(rest);
  pieces_.shrink_to_fit();
  return part;
}

void PieceWindow::take_in(const PieceWindow& part, std::uint32_t path, unsigned depth, std::size_t most) {
  if (part.empty()) return;
  const auto middle = static_cast<std::ptrdiff_t>(pieces_.size());
  for (Piece piece : part.pieces_) {
    piece.place = path | (depth < 32 ? piece.place >> depth : 0);
    piece.known = static_cast<std::uint8_t>(std::min(32U, piece.known + depth));
    append(piece);
  }
  std::inplace_merge(pieces_.begin(), pieces_.begin() + middle, pieces_.end(),
                     [](const Piece& a, const Piece& b) { return a.at < b.at; });
  if (pieces_.size() > most)
    pieces_.erase(pieces_.begin(), pieces_.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace flagfall::director
