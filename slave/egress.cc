#include "slave/egress.hh"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/net/sockaddr.hh"
#include "slave/raw_header.hh"
#include "slave/stamp_window.hh"

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
};

struct Egress::Batch {
  struct Item {
    std::uint16_t source;
    std::uint32_t shot;
  };
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
  for (SourceSocket& source : sources) sockets_.push_back({std::move(source), {}, false});
}
Egress::~Egress() = default;

void Egress::prepare(std::span<const std::uint32_t> shots) {
  assert(shots.size() <= kBatch);
  Batch& b = *batch_;
  b.used = shots.size();
  for (std::size_t i = 0; i < shots.size(); ++i) b.items[i] = {pool_[shots[i]].source, shots[i]};
  std::ranges::sort(std::span(b.items).first(b.used), {}, &Batch::Item::source);
  for (std::size_t i = 0; i < b.used; ++i) {
    const Shot& shot = pool_[b.items[i].shot];
    const MutableBytes answer = pool_.answer(b.items[i].shot).first(shot.length);
    const SourceSocket& out = sockets_[shot.source].out;
    msghdr& h = b.headers[i].msg_hdr;
    std::size_t vectors = 0;
    Endpoint to = shot.client;
    if (out.kind == SourceSocket::Kind::raw) {
      b.vectors[i][vectors++] = {b.raw[i].data(),
                                 write_raw_header(out.source, shot.client, answer, b.raw[i])};
      to.port = 0;  // the kernel takes a raw socket's port for a protocol number
    }
    b.vectors[i][vectors++] = {answer.data(), answer.size()};
    b.addresses[i] = net::SockAddr(to);
    h.msg_iov = b.vectors[i].data();
    h.msg_iovlen = vectors;
    h.msg_name = &b.addresses[i].any;
    h.msg_namelen = b.addresses[i].length;
  }
}

void Egress::send() {
  const Batch& b = *batch_;
  for (std::size_t from = 0; from < b.used;) {
    std::size_t to = from + 1;
    while (to < b.used && b.items[to].source == b.items[from].source) ++to;
    send_group(sockets_[b.items[from].source], from, to);
    from = to;
  }
  batch_->used = 0;
}

void Egress::send_group(Socket& socket, std::size_t from, std::size_t to) {
  Batch& b = *batch_;
  unsigned tries = 0;
  while (from < to) {
    const MonoTime call = clock_.mono();
    const int n =
        sendmmsg(socket.out.fd.get(), &b.headers[from], static_cast<unsigned>(to - from), MSG_DONTWAIT);
    if (n > 0) {
      for (const std::size_t end = from + static_cast<std::size_t>(n); from < end; ++from)
        note_sent(socket, b.items[from].shot, call);
      tries = 0;
      continue;
    }
    socket.miscounted = true;
    if (errno == EINTR || ++tries < kTries) continue;
    tries = 0;
    ++stats_.failed;
    pool_[b.items[from].shot].fate = Fate::failed;
    finish(b.items[from].shot);
    ++from;
  }
}

void Egress::note_sent(Socket& socket, std::uint32_t index, MonoTime call) {
  Shot& shot = pool_[index];
  ++stats_.sent;
  shot.fate = shot.late ? Fate::sent_late : Fate::sent;
  shot.transmitted = call;
  if (!shot.late) stats_.call.add(call - shot.due);
  if (!socket.out.stamps || socket.miscounted) {
    ++stats_.unstamped;
    finish(index);
    return;
  }
  if (socket.window.full()) {
    ++stats_.unstamped;
    finish(socket.window.oldest().shot);
    socket.window.give_up_oldest();
  }
  socket.window.sent(index, call);
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
      Shot& shot = pool_[entry->shot];
      const MonoTime left(clock_.stamp(stamp->time).time_since_epoch() - real_minus_mono);
      if (left + kStampNoise >= entry->call && left <= clock_.mono() + kStampNoise) {
        shot.transmitted = left;
        ++stats_.stamped;
        if (!shot.late) stats_.stamp.add(left - shot.due);
      } else {
        ++stats_.unstamped;
      }
      finish(entry->shot);
    }
  }
}

void Egress::finish(std::uint32_t shot) {
  const bool pushed = done_.push(shot);
  assert(pushed);
  (void)pushed;
}

}  // namespace flagfall::slave
