#include "lab/forwarder.hh"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace flagfall::lab {

namespace {

/// Reads from one host before deadlines are looked at again: about 15 us of work.
constexpr int kReadsAtOnce = 8;
/// With nothing under way: how long until captures go to their files.
constexpr Nanos kIdle = std::chrono::milliseconds(100);
constexpr std::size_t kEvents = 64;

}  // namespace

Forwarder::Forwarder(const Topology& topology, std::vector<net::Fd> tuns, Options options, const Clock& clock)
    : network_(topology),
      tuns_(std::move(tuns)),
      options_(std::move(options)),
      clock_(clock),
      epoll_(net::check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      slot_size_(topology.mtu),
      storage_(std::make_unique_for_overwrite<Octets>(slot_size_ * topology.in_flight)),
      queue_(topology.in_flight) {
  assert(tuns_.size() == topology.hosts.size());
  free_slots_.reserve(topology.in_flight);
  for (std::size_t i = topology.in_flight; i-- > 0;) free_slots_.push_back(static_cast<std::uint32_t>(i));
  for (std::size_t host = 0; host < tuns_.size(); ++host) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = host}};
    net::check(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, tuns_[host].get(), &event), "epoll_ctl");
  }
}

void Forwarder::watch(int fd, std::function<void()> callback) {
  auto free = std::find(watched_.begin(), watched_.end(), nullptr);
  if (free == watched_.end()) free = watched_.insert(free, nullptr);
  *free = std::make_unique<Watched>(Watched{fd, std::move(callback)});
  epoll_event event{.events = EPOLLIN,
                    .data = {.u64 = tuns_.size() + static_cast<std::size_t>(free - watched_.begin())}};
  net::check(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void Forwarder::unwatch(int fd) {
  const auto at =
      std::find_if(watched_.begin(), watched_.end(), [fd](const auto& w) { return w && w->fd == fd; });
  assert(at != watched_.end());
  net::check(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr), "epoll_ctl");
  at->reset();
}

void Forwarder::run() {
  std::array<epoll_event, kEvents> events{};
  while (!stopping_) {
    release_due();
    const timespec timeout = to_timespec(pause());
    const int n = epoll_pwait2(epoll_.get(), events.data(), kEvents, &timeout, nullptr);
    if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
    if (n == 0 && queue_.empty()) flush_captures();
    for (int i = 0; i < n; ++i) {
      const std::size_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id < tuns_.size()) {
        take_from(id);
        release_due();
      } else if (watched_[id - tuns_.size()]) {
        const auto callback = watched_[id - tuns_.size()]->callback;  // it may unwatch itself
        callback();
      }
    }
  }
  flush_captures();
}

Nanos Forwarder::pause() const {
  const std::optional<MonoTime> next = queue_.next_deadline();
  if (!next) return kIdle;
  return std::clamp<Nanos>(*next - options_.guard - clock_.mono(), Nanos(0), kIdle);
}

void Forwarder::release_due() {
  while (true) {
    const MonoTime now = clock_.mono();
    const auto due = queue_.pop_due(now);
    if (!due) return;
    const Bytes packet(slot(due->item.slot), due->item.length);
    stats_->excess.add(now - due->deadline);
    if (options_.released) options_.released->add(clock_.real(), packet);
    if (::write(tuns_[due->item.to].get(), packet.data(), packet.size()) < 0)
      drop(Drop::host);
    else
      ++stats_->delivered;
    free_slots_.push_back(due->item.slot);
  }
}

void Forwarder::take_from(HostId host) {
  for (int i = 0; i < kReadsAtOnce; ++i) {
    std::array<std::uint8_t, 1> scrap{};
    const bool full = free_slots_.empty();
    std::uint8_t* const room = full ? scrap.data() : slot(free_slots_.back());
    const ssize_t length = ::read(tuns_[host].get(), room, full ? scrap.size() : slot_size_);
    if (length < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "cannot read from a host's TUN");
    }
    ++stats_->entered;
    if (full) {
      drop(Drop::overflow);
      continue;
    }
    const Bytes packet(room, static_cast<std::size_t>(length));
    if (options_.entered) options_.entered->add(clock_.real(), packet);
    const Network::Fate fate = network_.accept(host, packet, clock_.mono());
    if (fate.drop) {
      drop(*fate.drop);
      continue;
    }
    queue_.push(fate.deadline, {free_slots_.back(), static_cast<std::uint32_t>(length), fate.to});
    free_slots_.pop_back();
  }
}

void Forwarder::flush_captures() {
  if (options_.released) options_.released->flush();
  if (options_.entered) options_.entered->flush();
}

}  // namespace flagfall::lab
