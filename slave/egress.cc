#include "slave/egress.hh"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>

#include "common/net/sockaddr.hh"
#include "slave/raw_header.hh"

namespace flagfall::slave {
namespace {

using Fate = wire::RaceOutcome::Fate;

/// Software stamps are made while the call runs, or soon after when a queue is full.
constexpr Nanos kStampPatience = std::chrono::milliseconds(50);
/// A stamp from before its call, by more than the clocks' reading error, is another datagram's.
constexpr Nanos kStampNoise = std::chrono::microseconds(20);
constexpr std::size_t kStampBatch = 32;
/// An error may belong to an earlier datagram (ICMP): one more try before it is this one's.
constexpr unsigned kTries = 2;

struct Stamp {
  std::uint32_t id = 0;
  RealTime time;
};

/// From the control data of an error queue message; nothing for another kind of message.
std::optional<Stamp> parse_stamp(msghdr& message) {
  Stamp out;
  bool have_id = false, have_time = false;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
      scm_timestamping stamps{};
      std::memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
      out.time = RealTime(from_timespec({stamps.ts[0].tv_sec, stamps.ts[0].tv_nsec}));
      have_time = true;
    } else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
               (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(c), sizeof error);
      have_id = error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_info == SCM_TSTAMP_SND;
      out.id = error.ee_data;
    }
  }
  if (!have_id || !have_time) return std::nullopt;
  return out;
}

}  // namespace

struct Egress::Socket {
  SourceSocket out;
  StampWindow window;
  bool miscounted = false;  // a send failed: the kernel's numbers may be off by one from here
  std::uint64_t batch = 0;  // the last batch with a shot from here,
  std::uint16_t turn = 0;   // and this socket's place among that batch's calls
};

struct Egress::Batch {
  struct Item {
    std::uint16_t turn;
    std::uint16_t place;  // nearest deadline first
    std::uint16_t source;
    std::uint32_t shot;
    bool operator<(const Item& o) const { return turn != o.turn ? turn < o.turn : place < o.place; }
  };
  std::uint64_t number = 0;
  std::size_t used = 0;
  std::array<Item, kBatch> items{};
  std::array<mmsghdr, kBatch> headers{};
  std::array<std::array<iovec, 2>, kBatch> vectors{};
  std::array<net::SockAddr, kBatch> addresses;
  std::array<std::array<std::uint8_t, kRawHeaderRoom>, kBatch> raw{};

  /// Control data of kStampBatch error queue messages.
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, 256> bytes;
  };
  std::array<Control, kStampBatch> control{};
  std::array<mmsghdr, kStampBatch> stamps{};
};

Egress::Egress(std::vector<SourceSocket> sources, ShotPool& pool, const Clock& clock,
               SpscRing<std::uint32_t>& done)
    : pool_(pool), clock_(clock), done_(done), batch_(std::make_unique<Batch>()) {
  sockets_.reserve(sources.size());
  for (SourceSocket& source : sources) sockets_.push_back({std::move(source), {}, false, 0, 0});
}
Egress::~Egress() = default;

void Egress::prepare(std::span<const std::uint32_t> shots) {
  assert(!shots.empty() && shots.size() <= kBatch);
  Batch& b = *batch_;
  b.used = shots.size();
  ++b.number;
  std::uint16_t turns = 0;
  for (std::size_t i = 0; i < shots.size(); ++i) {
    const std::uint16_t source = pool_[shots[i]].source;
    Socket& socket = sockets_[source];
    if (socket.batch != b.number) {
      socket.batch = b.number;
      socket.turn = turns++;
    }
    b.items[i] = {socket.turn, static_cast<std::uint16_t>(i), source, shots[i]};
  }
  if (turns > 1) std::ranges::sort(std::span(b.items).first(b.used), std::less<>());
  prepared_lead_ = lead_of(sockets_[b.items[0].source].out).value();
  for (std::size_t i = 0; i < b.used; ++i) {
    const Shot& shot = pool_[b.items[i].shot];
    const std::uint32_t slot = pool_.settle(b.items[i].shot);
    const MutableBytes answer = pool_.answer(slot).first(pool_[slot].length);
    const SourceSocket& out = sockets_[shot.source].out;
    msghdr& h = b.headers[i].msg_hdr;
    std::size_t vectors = 0;
    Endpoint to = shot.client;
    if (out.kind == SourceSocket::Kind::raw) {
      b.vectors[i][vectors++] = {b.raw[i].data(),
                                 write_raw_header(out.source, shot.client, answer, b.raw[i])};
    }
    // The kernel takes a raw socket's port for a protocol number.
    if (out.kind != SourceSocket::Kind::udp) to.port = 0;
    b.vectors[i][vectors++] = {answer.data(), answer.size()};
    b.addresses[i] = net::SockAddr(to);
    h.msg_iov = b.vectors[i].data();
    h.msg_iovlen = vectors;
    h.msg_name = &b.addresses[i].any;
    h.msg_namelen = b.addresses[i].length;
  }
}

void Egress::send(bool timed) {
  const Batch& b = *batch_;
  for (std::size_t from = 0; from < b.used;) {
    std::size_t to = from + 1;
    while (to < b.used && b.items[to].source == b.items[from].source) ++to;
    // The first call has waited; the others come when the ones before them are done.
    send_group(sockets_[b.items[from].source], from, to, timed && from == 0);
    from = to;
  }
  batch_->used = 0;
}

void Egress::send_group(Socket& socket, std::size_t from, std::size_t to, bool timed) {
  Batch& b = *batch_;
  unsigned tries = 0;
  while (from < to) {
    const MonoTime call = clock_.mono();
    const int n =
        sendmmsg(socket.out.fd.get(), &b.headers[from], static_cast<unsigned>(to - from), MSG_DONTWAIT);
    if (n > 0) {
      ++stats_.calls;
      for (const std::size_t end = from + static_cast<std::size_t>(n); from < end; ++from) {
        note_sent(socket, {b.items[from].shot, call, timed});
        timed = false;
      }
      tries = 0;
      // What stopped it in between is not told, and may have taken a number.
      if (from < to) socket.miscounted = true;
      continue;
    }
    timed = false;
    socket.miscounted = true;
    if (errno == EINTR || ++tries < kTries) continue;
    tries = 0;
    ++stats_.failed;
    pool_[b.items[from].shot].fate = Fate::failed;
    finish(b.items[from].shot);
    ++from;
  }
}

void Egress::note_sent(Socket& socket, const StampWindow::Entry& entry) {
  Shot& shot = pool_[entry.shot];
  ++stats_.sent;
  shot.fate = shot.late ? Fate::sent_late : Fate::sent;
  shot.transmitted = entry.call + lead_of(socket.out).value();  // until a stamp tells
  if (!shot.late) stats_.call.add(entry.call - (shot.due - prepared_lead_));
  if (!socket.out.stamps || socket.miscounted) {
    ++stats_.unstamped;
    finish(entry.shot);
    return;
  }
  if (socket.window.full()) {
    ++stats_.unstamped;
    finish(socket.window.oldest().shot);
    socket.window.give_up_oldest();
  }
  socket.window.sent(entry);
}

bool Egress::awaiting() const {
  return std::ranges::any_of(sockets_, [](const Socket& s) { return !s.window.empty() || s.miscounted; });
}

void Egress::collect() {
  for (Socket& socket : sockets_) {
    if (!socket.window.empty() || socket.miscounted) read_stamps(socket);
    const MonoTime limit = clock_.mono() - kStampPatience;
    while (!socket.window.empty() && (socket.miscounted || socket.window.oldest().call < limit)) {
      ++stats_.unstamped;
      finish(socket.window.oldest().shot);
      socket.window.give_up_oldest();
    }
    if (socket.miscounted) {
      socket.miscounted = false;
      socket.window.restart();
      socket.out.stamps = restart_stamps(socket.out.fd);
    }
  }
}

void Egress::read_stamps(Socket& socket) {
  Batch& b = *batch_;
  const Nanos real_minus_mono = read_real_minus_mono(clock_).offset;
  int n = kStampBatch;
  while (n == kStampBatch) {
    for (std::size_t i = 0; i < kStampBatch; ++i) {
      b.stamps[i].msg_hdr = {};
      b.stamps[i].msg_hdr.msg_control = b.control[i].bytes.data();
      b.stamps[i].msg_hdr.msg_controllen = sizeof b.control[i].bytes;
    }
    n = recvmmsg(socket.out.fd.get(), b.stamps.data(), kStampBatch, MSG_ERRQUEUE | MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; ++i) {
      const auto stamp = parse_stamp(b.stamps[static_cast<std::size_t>(i)].msg_hdr);
      const auto entry = stamp ? socket.window.stamped(stamp->id) : std::nullopt;
      if (!entry) continue;
      note_stamp(socket, *entry, MonoTime(clock_.stamp(stamp->time).time_since_epoch() - real_minus_mono));
      finish(entry->shot);
    }
  }
}

void Egress::note_stamp(const Socket& socket, const StampWindow::Entry& entry, MonoTime left) {
  if (left + kStampNoise < entry.call || left > clock_.mono() + kStampNoise) {
    ++stats_.unstamped;
    return;
  }
  Shot& shot = pool_[entry.shot];
  shot.transmitted = left;
  ++stats_.stamped;
  if (!shot.late) stats_.stamp.add(std::chrono::abs(left - shot.due));
  if (!entry.timed) return;
  lead_of(socket.out).add(left - entry.call);
  const auto most = std::ranges::max(leads_, {}, &Lead::value).value();
  most_lead_.store(most.count(), std::memory_order_relaxed);
}

void Egress::finish(std::uint32_t shot) {
  const bool pushed = done_.push(shot);
  assert(pushed);
  (void)pushed;
}

}  // namespace flagfall::slave
