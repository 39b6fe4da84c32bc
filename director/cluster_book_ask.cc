// What a cluster book tells of itself.
#include <algorithm>
#include <cmath>

#include "director/cluster_book.hh"
#include "director/figures.hh"
#include "director/pairwise.hh"

namespace flagfall::director {
namespace {

/// The address that a piece is about, as far as it is known.
Prefix about(const Cluster& cluster, const Piece& piece) {
  IpAddress ip = cluster.prefix.ip;
  for (unsigned i = 0; i < piece.known; ++i) {
    const unsigned at = cluster.prefix.length + i;
    if ((piece.place >> (31 - i) & 1U) != 0)
      ip.octets.at(at / 8) = static_cast<std::uint8_t>(ip.octets.at(at / 8) | 0x80U >> (at % 8));
  }
  return {ip, static_cast<std::uint8_t>(cluster.prefix.length + piece.known)};
}

}  // namespace

bool ClusterBook::find(const IpAddress& address, Binding& out) const {
  const Cluster* const c = tree_.around(address);
  if (c != nullptr) out = c->binding();
  return c != nullptr;
}

bool ClusterBook::at(const Prefix& prefix, Binding& out) const {
  const Cluster* const c = holding(prefix);
  if (c == nullptr || c->prefix != prefix) return false;
  out = c->binding();
  return true;
}

bool ClusterBook::has(const Prefix& prefix) const {
  const Cluster* const c = holding(prefix);
  return c != nullptr && c->prefix == prefix;
}

bool ClusterBook::within_word(const Prefix& prefix) const {
  const Cluster* c = holding(prefix);
  if (c != nullptr && !c->by_hand() && c->prefix == prefix && prefix.length > 0)
    c = tree_.around(prefix.ip, prefix.length - 1U);
  return c != nullptr && c->by_hand();
}

const Cluster* ClusterBook::holding(const Prefix& prefix) const {
  return tree_.around(prefix.ip, prefix.length);
}

std::vector<Candidate> ClusterBook::candidates(const Prefix& prefix) const {
  const Cluster* const c = holding(prefix);
  if (c == nullptr) return {};
  std::vector<Candidate> out;
  std::vector<std::size_t> place(servers_);
  const auto push = [&](ServerIndex s) { out.push_back({.server = s}); };
  for (const ServerIndex s : c->order.all()) push(s);
  for (std::size_t s = 0; s < servers_; ++s)
    if (!c->order.has(static_cast<ServerIndex>(s))) push(static_cast<ServerIndex>(s));
  for (std::size_t i = 0; i < out.size(); ++i) place[out[i].server] = i;

  const Pairwise pairs(c->wins.all(), recency());
  for (const auto& row : pairs.rows()) {
    Candidate& candidate = out[place[row.server]];
    for (const auto& other : pairs.rows()) {
      candidate.won += pairs.before(row.server, other.server);
      candidate.lost += pairs.before(other.server, row.server);
    }
    candidate.pieces.at(static_cast<std::size_t>(Kind::race)) = static_cast<std::uint16_t>(row.races);
  }
  ServerMask heard = 0;
  for (std::size_t k = 1; k < kKindNames.size(); ++k) {
    const Figures figures(static_cast<Kind>(k), c->figures.all(), options_.verdicts);
    for (const auto& row : figures.rows()) {
      Candidate& candidate = out[place[row.server]];
      candidate.value.at(k) = row.value();
      candidate.pieces.at(k) = static_cast<std::uint16_t>(row.pieces);
      candidate.silent = row.silent() && (candidate.silent || (heard & bit(row.server)) == 0);
      heard |= bit(row.server);
    }
  }
  return out;
}

std::vector<RecentEvidence> ClusterBook::recent(const Prefix& prefix, std::size_t most) const {
  const Cluster* const c = holding(prefix);
  if (c == nullptr) return {};
  std::vector<Piece> pieces(c->wins.all().begin(), c->wins.all().end());
  pieces.insert(pieces.end(), c->figures.all().begin(), c->figures.all().end());
  std::ranges::reverse(pieces);
  std::ranges::stable_sort(pieces, [](const Piece& a, const Piece& b) { return a.at > b.at; });
  if (pieces.size() > most) pieces.resize(most);
  std::vector<RecentEvidence> out;
  out.reserve(pieces.size());
  for (const Piece& p : pieces)
    out.push_back({.at = *start_ + p.at * kTick,
                   .kind = p.kind,
                   .about = about(*c, p),
                   .server = p.server,
                   .losers = p.losers,
                   .value = p.value,
                   .certainty = p.certain ? race::Certainty::certain : race::Certainty::likely,
                   .tie = p.tie,
                   .silent = p.silent});
  return out;
}

ServerMask ClusterBook::wanted(const Prefix& prefix) const {
  const ServerMask all = servers_ == kMostServers ? ~ServerMask{0} : (ServerMask{1} << servers_) - 1;
  const Cluster* const c = holding(prefix);
  std::optional<ServerMask> fewest;
  for (const Kind kind : options_.kinds) {
    if (kind == Kind::race) continue;
    ServerMask missing = all;
    if (c != nullptr)
      for (const Piece& p : c->figures.all())
        if (p.kind == kind) missing &= ~bit(p.server);
    if (!fewest || std::popcount(missing) < std::popcount(*fewest)) fewest = missing;
  }
  return fewest.value_or(0);
}

void ClusterBook::for_each(const std::function<void(const Binding&)>& f) const {
  tree_.for_each([&](const Cluster& c) { f(c.binding()); });
}

}  // namespace flagfall::director
