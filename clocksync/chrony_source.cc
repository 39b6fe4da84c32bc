#include "clocksync/chrony_source.hh"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::clocksync {
namespace {

/// Replies are 104 octets; anything longer is cut, and thereby malformed or harmless.
constexpr std::size_t kReplyRoom = 512;
/// Datagrams read in one wake-up: a flood must not hold the loop.
constexpr unsigned kMostReads = 16;

std::string reason(int error) {
  return std::system_category().message(error);
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error(
        fmt::format("clock.chrony: the path {} is longer than a Unix socket's may be", path));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

struct ChronySource::Shell {
  Shell(net::Loop& l, const Clock& c, Random& r, const ChronyOptions& o, Updated u)
      : loop(l),
        clock(c),
        random(r),
        address(o.address),
        updated(std::move(u)),
        tracker({.poll = o.poll, .asymmetry = o.asymmetry, .name = "chronyd at " + o.address}) {
    if (address.starts_with('/')) {
      static unsigned instances = 0;  // several sources in one process; loop threads are one a process here
      own_path = fmt::format("{}/flagfall.{}.{}.sock", std::filesystem::path(address).parent_path().string(),
                             getpid(), ++instances);
      (void)unix_address(own_path);
    } else {
      const auto parsed = parse_endpoint(address, 323);
      if (!parsed) throw std::runtime_error("clock.chrony: " + parsed.error());
      endpoint = *parsed;
    }
  }
  ~Shell() { close(); }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;
  Shell(Shell&&) = delete;
  Shell& operator=(Shell&&) = delete;

  [[nodiscard]] ClockPair read_clocks() const { return {clock.mono(), read_real_minus_mono(clock)}; }

  /// One request; a failure to send it counts as a missed poll.
  void poll() {
    const int error = fd ? 0 : open();
    if (error != 0) {
      failed(error);
      return;
    }
    const auto bytes = tracker.request(read_clocks(), static_cast<std::uint32_t>(random.next()));
    if (send(fd.get(), bytes.data(), bytes.size(), 0) < 0) {
      failed(errno);
      return;
    }
    timer = loop.after(tracker.patience(), [this] {
      finish(tracker.missed(
          fmt::format("chronyd at {} does not answer; is it running, and may we ask it?", address)));
    });
  }

  void read() {
    for (unsigned i = 0; i < kMostReads && fd; ++i) {
      std::array<std::uint8_t, kReplyRoom> room;  // NOLINT(*-member-init): recv fills it
      const ssize_t n = recv(fd.get(), room.data(), room.size(), 0);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        failed(errno);  // ECONNREFUSED: the port was closed when our request came
        return;
      }
      const bool was_waiting = tracker.waiting();
      const bool news = tracker.reply({room.data(), static_cast<std::size_t>(n)}, read_clocks());
      if (was_waiting && !tracker.waiting()) {
        finish(news);
      }
    }
  }

  /// The socket is of no use any more: a chronyd that comes back has a new one.
  void failed(int error) {
    close();
    finish(tracker.missed(fmt::format("chronyd at {} cannot be asked: {}", address, reason(error))));
  }

  void finish(bool news) {
    timer = loop.after(tracker.interval(), [this] { poll(); });
    if (news) updated(tracker.map());
  }

  /// errno, or 0.
  int open() {
    const bool is_unix = !own_path.empty();
    const int family = is_unix ? AF_UNIX : endpoint.ip.family == Family::v4 ? AF_INET : AF_INET6;
    net::Fd fresh(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fresh) return errno;
    const int error = is_unix ? connect_unix(fresh) : connect_udp(fresh);
    if (error != 0) return error;
    fd = std::move(fresh);
    watch = loop.on_readable(fd.get(), [this] { read(); });
    return 0;
  }

  int connect_udp(const net::Fd& fresh) const {
    const net::SockAddr to(endpoint);
    return connect(fresh.get(), &to.any, to.length) == 0 ? 0 : errno;
  }

  /// chronyd answers to the name our socket is bound to, as another user: so the
  /// socket lies in its directory and is writable for all (the directory is not).
  int connect_unix(const net::Fd& fresh) {
    unlink(own_path.c_str());
    const sockaddr_un own = unix_address(own_path);
    const sockaddr_un theirs = unix_address(address);
    if (bind(fresh.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return errno;
    bound = true;
    if (chmod(own_path.c_str(), 0666) != 0) return errno;
    return connect(fresh.get(), reinterpret_cast<const sockaddr*>(&theirs), sizeof theirs) == 0 ? 0 : errno;
  }

  void close() {
    watch = net::Watch();
    fd = net::Fd();
    if (bound) unlink(own_path.c_str());
    bound = false;
  }

  net::Loop& loop;
  const Clock& clock;
  Random& random;
  std::string address;
  Updated updated;
  ChronyTracker tracker;
  Endpoint endpoint;
  std::string own_path;
  bool bound = false;
  net::Fd fd;
  net::Watch watch;
  net::Watch timer;
};

ChronySource::ChronySource(net::Loop& loop, const Clock& clock, Random& random, const ChronyOptions& options,
                           Updated updated)
    : shell_(std::make_unique<Shell>(loop, clock, random, options, std::move(updated))) {
  // Not before run(): a callback must not come out of a constructor.
  shell_->timer = loop.after(Nanos(0), [shell = shell_.get()] { shell->poll(); });
}
ChronySource::~ChronySource() = default;

const RefMap& ChronySource::current() const {
  return shell_->tracker.map();
}
const ChronyCounters& ChronySource::counters() const {
  return shell_->tracker.counters();
}

}  // namespace flagfall::clocksync
