#include "collect/tcp_paths.hh"

#include <algorithm>
#include <utility>

namespace flagfall::collect {
namespace {

template <class T>
T median(std::vector<T>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool TcpPaths::served(const Endpoint& local) const {
  return std::ranges::any_of(options_.servers, [&](const Endpoint& server) {
    if (server.port != local.port) return false;
    if (server.ip.unspecified()) return server.ip.family == Family::v6 || local.ip.family == Family::v4;
    return server.ip == local.ip;
  });
}

void TcpPaths::add(const TcpConnection& connection) {
  if (!served(connection.local)) return;
  if (connection.open) ++open_;
  // This host's own, such as its health checks, are no clients.
  if (connection.peer.ip == connection.local.ip) return;
  if (connection.smoothed <= Nanos(0) || connection.quiet > options_.fresh) return;
  const unsigned length = connection.peer.ip.family == Family::v4 ? options_.prefix_v4 : options_.prefix_v6;
  const Prefix prefix{masked(connection.peer.ip, length), static_cast<std::uint8_t>(length)};
  auto network = networks_.find(prefix);
  if (network == networks_.end() && networks_.size() < options_.networks)
    network = networks_.try_emplace(prefix).first;
  if (network == networks_.end() || network->second.smoothed.size() >= kMostOfNetwork) {
    ++left_out_;
    return;
  }
  Network& n = network->second;
  n.smoothed.push_back(connection.smoothed);
  n.least = std::min(n.least, connection.least > Nanos(0) ? connection.least : connection.smoothed);
  if (connection.rate > 0) n.rates.push_back(connection.rate);
  n.sent += connection.sent;
  n.retransmitted += std::min(connection.retransmitted, connection.sent);
}

std::vector<wire::TcpPath> TcpPaths::take() {
  std::vector<wire::TcpPath> out;
  out.reserve(networks_.size());
  for (auto& [prefix, n] : networks_) {
    wire::TcpPath path;
    path.client = prefix;
    path.smoothed = std::min<Nanos>(median(n.smoothed), wire::kMostRoundTrip);
    // The kernel forgets its least after minutes, its smoothed one follows at once.
    path.least = std::min(n.least, path.smoothed);
    if (!n.rates.empty()) path.rate = std::min(median(n.rates), wire::kMaxAmount);
    if (n.sent > 0)
      path.retransmitted = static_cast<std::uint32_t>(static_cast<double>(n.retransmitted) /
                                                      static_cast<double>(n.sent) * wire::kWhole);
    path.connections = static_cast<std::uint32_t>(n.smoothed.size());
    out.push_back(path);
  }
  networks_.clear();
  open_ = left_out_ = 0;
  return out;
}

}  // namespace flagfall::collect
