#include "director/path_book.hh"

#include <algorithm>
#include <cassert>
#include <utility>

namespace flagfall::director {
namespace {

/// Networks that one call looks at because of loads: some microseconds each.
constexpr std::size_t kAtOnce = 2000;
/// And when nothing has changed, so that what the book has dropped in silence goes.
constexpr std::size_t kIdle = 16;
/// Waiting because of pings; beyond, the walk finds them.
constexpr std::size_t kMostFresh = 65'536;
/// Draws of a group that is larger than an order: networks share them, so that there are few orders.
constexpr std::uint64_t kDraws = 16;

BookOptions of_pings(BookOptions book) {
  book.kinds = {Kind::ping};
  return book;
}

std::uint64_t lot_of(const Prefix& prefix) {
  std::uint64_t sum = prefix.length;
  for (const std::uint8_t octet : prefix.ip.octets) sum = sum * 31 + octet;
  return sum % kDraws;
}

}  // namespace

PathBook::PathBook(PathOptions options, BookOptions book, Random& random)
    : options_(std::move(options)),
      book_(of_pings(std::move(book)), options_.network.borders(), random),
      servers_(options_.servers.size()) {
  assert(options_.servers.size() <= kMostServers);
}

void PathBook::ping(BorderIndex border, Measure measure, MonoTime now) {
  measure.kind = Kind::ping;
  measure.server = border;
  book_.measure(measure, now);
  Prefix prefix;
  if (!find(measure.about.ip, prefix)) return;
  if (fresh_.size() < kMostFresh)
    fresh_.insert(prefix);
  else
    left_ = said_.size();
}

void PathBook::set(ServerMask fit, std::vector<CompositeServer> servers) {
  assert(servers.size() == servers_.size());
  // To choose_composite() each server is a site of its own: its borders are the ones it has addresses for.
  for (std::size_t i = 0; i < servers.size(); ++i) servers[i].site = static_cast<SiteIndex>(i);
  if (fit == fit_ && servers == servers_) return;
  fit_ = fit;
  servers_ = std::move(servers);
  left_ = said_.size();
}

bool PathBook::find(const IpAddress& address, Prefix& out) const {
  Binding found;
  if (!book_.find(address, found)) return false;
  out = found.prefix;
  return true;
}

const PathWord* PathBook::said(const Prefix& prefix) const {
  const auto at = said_.find(prefix);
  return at == said_.end() ? nullptr : &at->second;
}

std::vector<PathBook::Candidate> PathBook::candidates(const Prefix& prefix) const {
  std::vector<std::optional<double>> pings(options_.network.borders());
  for (const director::Candidate& c : book_.candidates(prefix))
    if (const double value = c.value.at(static_cast<std::size_t>(Kind::ping)); value > 0)
      pings[c.server] = value;
  std::vector<Candidate> out;
  const OneWay ways = one_way(options_.network, options_.contact, pings, options_.source);
  for (const Path& path : paths(options_.network, options_.contact, ways))
    for (std::size_t i = 0; i < options_.servers.size(); ++i) {
      const PathServer& server = options_.servers[i];
      if (server.site == path.site && std::ranges::find(server.borders, path.border) != server.borders.end())
        out.push_back({static_cast<ServerIndex>(i), path.border, path.metric});
    }
  return out;
}

PathWord PathBook::word(const Prefix& prefix) const {
  std::vector<Path> ways;
  for (const Candidate& c : candidates(prefix)) ways.push_back({c.server, c.border, c.metric});
  SeededRandom lots(lot_of(prefix));
  const CompositeChoice chosen = choose_composite(ways, servers_, fit_, options_.fuzz, lots);
  PathWord out{prefix, chosen.choice.order, {}};
  for (std::size_t i = 0; i < out.order.count; ++i)
    out.border.at(i) = chosen.border.at(out.order.servers.at(i));
  return out;
}

void PathBook::consider(const Prefix& prefix, std::vector<PathWord>& out) {
  const auto said = said_.find(prefix);
  if (!book_.has(prefix)) {
    if (said == said_.end()) return;
    said_.erase(said);
    out.push_back({prefix, {}, {}, true});
    return;
  }
  const PathWord now = word(prefix);
  if (said != said_.end() && said->second.order == now.order && said->second.border == now.border) return;
  said_[prefix] = now;
  out.push_back(now);
}

std::vector<PathWord> PathBook::advance(MonoTime now) {
  book_.advance(now);
  std::vector<PathWord> out;
  // Parts that are split off take their pings along, and so do those that merge.
  for (const Change& change : book_.take_changes()) consider(change.binding.prefix, out);
  for (const Prefix& prefix : std::exchange(fresh_, {})) consider(prefix, out);
  const std::size_t most = left_ > 0 ? kAtOnce : kIdle;
  for (std::size_t i = 0; i < most && !said_.empty(); ++i) {
    const auto next = at_ ? said_.upper_bound(*at_) : said_.begin();
    if (next == said_.end()) {
      at_.reset();
      if (left_ == 0) break;
      continue;
    }
    at_ = next->first;
    consider(*at_, out);
    if (left_ > 0 && --left_ == 0) break;
  }
  return out;
}

}  // namespace flagfall::director
