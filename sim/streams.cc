#include "sim/streams.hh"

#include <cassert>

namespace flagfall::sim {
namespace {

using std::chrono::milliseconds;

enum : std::uint32_t { kDial = 16, kOctets, kEnd };

/// RFC 6298: one second for the first segment; 200 ms is Linux's least for the others.
constexpr Nanos kFirstTimeout = std::chrono::seconds(1);
constexpr Nanos kLeastTimeout = milliseconds(200);
/// Linux's TCP_RTO_MAX.
constexpr Nanos kMostTimeout = std::chrono::seconds(120);

/// SYN, its answer, the client's hello, the server's flight, the client's certificate and Finished.
/// A client is content after the fourth, the server after the fifth: so a client
/// whose certificate is bad sees its handshake succeed.
constexpr unsigned kClientDone = 4;
constexpr unsigned kServerDone = 5;
/// IP, TCP with its timestamps, and a TLS record; a handshake's step is about a packet.
constexpr std::size_t kSegmentOverhead = 100;

}  // namespace

void Streams::attach(HostId host, std::string certificate, StreamUser& user) {
  users_[host] = {std::move(certificate), &user};
}

StreamId Streams::dial(HostId from, const Endpoint& local, const Endpoint& to) {
  const StreamId id = next_++;
  trace_.note(queue_.now(), kDial, id, from);
  trace_.line(queue_.now(), "stream {} {} dials {}", id, to_string(local), to_string(to));
  Connection c;
  c.local = local;
  c.remote = to;
  for (auto& octet : c.key) octet = static_cast<std::uint8_t>(random_.next());
  c.ends[0].host = from;
  const auto host = network_.host_of(to.ip);
  assert(host);  // the world's hosts know each other's addresses
  c.ends[1].host = *host;
  connections_.emplace(id, std::move(c));
  push(id, 0, {.kind = Segment::Kind::handshake, .step = 1, .data = {}});
  return id;
}

void Streams::write(StreamId id, HostId who, Bytes bytes) {
  const auto at = connections_.find(id);
  if (at == connections_.end() || bytes.empty()) return;
  const unsigned side = side_of(at->second, who);
  if (!at->second.ends[side].alive) return;
  push(id, side, {.data = {bytes.begin(), bytes.end()}});
}

void Streams::close(StreamId id, HostId who) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  const unsigned side = side_of(at->second, who);
  if (!at->second.ends[side].alive) return;
  at->second.ends[side].alive = false;
  push(id, side, {.kind = Segment::Kind::end, .data = {}});
}

void Streams::finish(StreamId id, HostId who) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  const unsigned side = side_of(at->second, who);
  if (at->second.ends[side].alive) push(id, side, {.kind = Segment::Kind::end, .data = {}});
}

std::size_t Streams::unsent(StreamId id, HostId who) const {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return 0;
  std::size_t octets = 0;
  for (const Segment& s : at->second.ends[side_of(at->second, who)].out) octets += s.data.size();
  return octets;
}

void Streams::push(StreamId id, unsigned side, Segment segment) {
  End& end = connections_.at(id).ends[side];
  const Nanos timeout =
      segment.kind == Segment::Kind::handshake && segment.step == 1 ? kFirstTimeout : kLeastTimeout;
  end.out.push_back(std::move(segment));
  transmit(id, side, end.first + end.out.size() - 1, timeout);
}

void Streams::transmit(StreamId id, unsigned side, std::uint64_t number, Nanos timeout) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  End& end = at->second.ends[side];
  const HostId to = at->second.ends[1 - side].host;
  if (number < end.first || number - end.first >= end.out.size()) return;
  Segment& segment = end.out[number - end.first];
  if (const auto travel = network_.segment(end.host, to, segment.data.size() + kSegmentOverhead)) {
    segment.ready = queue_.now() + *travel;
    queue_.at(segment.ready, [this, id, side] { deliver(id, side); });
    return;
  }
  queue_.after(timeout, [this, id, side, number, timeout] {
    transmit(id, side, number, std::min(timeout * 2, kMostTimeout));
  });
}

/// Hands over what has arrived, in order: a lost segment holds up those behind it.
void Streams::deliver(StreamId id, unsigned side) {
  for (;;) {
    const auto at = connections_.find(id);
    if (at == connections_.end()) return;
    End& from = at->second.ends[side];
    if (from.out.empty() || from.out.front().ready > queue_.now()) return;
    const RefTime later = network_.receiver(at->second.ends[1 - side].host).paused_until();
    if (later > queue_.now()) return queue_.at(later, [this, id, side] { deliver(id, side); });
    Segment segment = std::move(from.out.front());
    from.out.pop_front();
    ++from.first;
    take(id, 1 - side, segment);
  }
}

void Streams::take(StreamId id, unsigned to, const Segment& segment) {
  Connection& c = connections_.at(id);
  End& here = c.ends[to];
  if (!network_.receiver(here.host).up()) return;  // went down while it was under way; a new host would reset
  switch (segment.kind) {
    case Segment::Kind::end:
      return end(id, to, "closed by the peer");
    case Segment::Kind::reset:
      return end(id, to, here.open ? "connection reset" : "connection refused");
    case Segment::Kind::handshake:
    case Segment::Kind::octets:
      break;
  }
  if (!here.alive) {  // this host does not know the connection (any more)
    if (c.ends[1 - to].alive) push(id, to, {.kind = Segment::Kind::reset, .data = {}});
    return;
  }
  if (segment.kind == Segment::Kind::handshake) return handshake(id, to, segment.step);
  hand_over(id, to, segment.data);
}

void Streams::handshake(StreamId id, unsigned to, unsigned step) {
  Connection& c = connections_.at(id);
  End& here = c.ends[to];
  const User& user = users_.at(here.host);
  if (step == 1 && !user.user->stream_comes(id, c.remote, c.local)) {
    here.alive = false;
    return push(id, to, {.kind = Segment::Kind::reset, .data = {}});
  }
  if (!here.alive) return;
  if (step < kServerDone) push(id, to, {.kind = Segment::Kind::handshake, .step = step + 1, .data = {}});
  if (step < kClientDone) return;
  here.open = true;
  const User& peer = users_.at(c.ends[1 - to].host);
  user.user->stream_open(id, peer.certificate, c.key);
}

/// In pieces, as a stream may be read.
void Streams::hand_over(StreamId id, unsigned to, const std::vector<std::uint8_t>& data) {
  const HostId host = connections_.at(id).ends[to].host;
  trace_.note(queue_.now(), kOctets, id, to, data.size());
  Bytes left = data;
  while (!left.empty()) {
    const std::size_t piece = random_.unit() < 0.7 ? left.size() : 1 + random_.next() % left.size();
    users_.at(host).user->stream_bytes(id, left.first(piece));
    left = left.subspan(piece);
    const auto at = connections_.find(id);
    if (at == connections_.end() || !at->second.ends[to].alive) return;
  }
}

/// The other end has gone: this one is told, and the connection is over, unless
/// the other end only finished: then it hears in its turn.
void Streams::end(StreamId id, unsigned side, const char* why) {
  End& here = connections_.at(id).ends[side];
  const bool tell = here.alive;
  const bool back = connections_.at(id).ends[1 - side].alive;
  here.alive = false;
  const HostId host = here.host;
  trace_.note(queue_.now(), kEnd, id, side);
  trace_.line(queue_.now(), "stream {} {} at {}", id, why, users_.at(host).certificate);
  if (back) {
    push(id, side, {.kind = Segment::Kind::end, .data = {}});
  } else {
    connections_.erase(id);
  }
  if (tell) users_.at(host).user->stream_closed(id, why);
}

void Streams::killed(HostId host) {
  std::vector<StreamId> theirs;
  for (const auto& [id, c] : connections_)
    if (c.ends[0].host == host || c.ends[1].host == host) theirs.push_back(id);
  for (const StreamId id : theirs) close(id, host);
}

void Streams::lost_power(HostId host) {
  std::vector<StreamId> theirs;
  for (auto& [id, c] : connections_) {
    if (c.ends[0].host != host && c.ends[1].host != host) continue;
    End& gone = c.ends[side_of(c, host)];
    gone.alive = false;
    gone.first += gone.out.size();
    gone.out.clear();
    if (!c.ends[1 - side_of(c, host)].alive) theirs.push_back(id);
  }
  for (const StreamId id : theirs) connections_.erase(id);
}

}  // namespace flagfall::sim
