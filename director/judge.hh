// What is to become of a cluster, now that a piece of evidence has come: keep, bind, bind elsewhere, split.
// Decides and changes nothing. Pure. The rules and their reasons: docs/design/director-clusters.md.
#pragma once

#include <optional>

#include "director/book_options.hh"
#include "director/cluster.hh"
#include "director/opinion.hh"
#include "director/parts.hh"

namespace flagfall::director {

struct Finding {
  enum class What : std::uint8_t {
    keep,
    bind,  // or bound by a kind of evidence that is trusted more
    rebind,
    split,  // the part of `depth` bits around the newest piece
    halve,  // contested, and who wins depends on the place: each half learns by itself
  };
  What what = What::keep;
  bool agrees = false;  // the evidence is for the server that it is bound to
  unsigned depth = 0;
  Order order{};
  Reason reason{};  // with its cause
};

class Judge {
 public:
  Judge(const BookOptions& options, std::size_t servers) : options_(options), servers_(servers) {}

  /// `newest`: the last piece of its window; nullptr: none has come, but time has passed or evidence was
  /// moved.
  [[nodiscard]] Finding find(const Cluster& cluster, const Piece* newest, const Recency& recency) const;

 private:
  [[nodiscard]] Finding of_learning(const Cluster& cluster, const Piece* newest,
                                    const Recency& recency) const;
  [[nodiscard]] Finding of_bound(const Cluster& cluster, const Piece* newest, const Recency& recency) const;
  [[nodiscard]] Finding against_races(const Cluster& cluster, const Piece& newest,
                                      const Recency& recency) const;
  [[nodiscard]] std::optional<Finding> part(const Cluster& cluster, const Piece* newest,
                                            const Recency& recency) const;
  [[nodiscard]] bool may_overturn(const Cluster& cluster, const Opinion& opinion,
                                  const Recency& recency) const;
  [[nodiscard]] bool contested(const Cluster& cluster, const Recency& recency) const;
  [[nodiscard]] std::size_t rank(Kind kind) const;  // less is trusted more
  [[nodiscard]] unsigned deepest(const Cluster& cluster, const Piece& newest) const;

  const BookOptions& options_;
  std::size_t servers_;
};

}  // namespace flagfall::director
