#include "check/host.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::check {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostText = std::size_t{16} << 20;
constexpr std::chrono::seconds kNftPatience(10);

std::string link_of(const fs::path& path) {
  std::error_code none;
  return fs::read_symlink(path, none).string();
}

std::string program_of(const fs::path& process) {
  std::string name = read_text((process / "comm").string()).value_or("");
  while (name.ends_with('\n')) name.pop_back();
  return name;
}

bool is_process(const fs::path& path) {
  const std::string name = path.filename().string();
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) { return c >= '0' && c <= '9'; });
}

template <class F>
void for_each_process(F f) {
  std::error_code error;
  for (auto at = fs::directory_iterator("/proc", error); !error && at != fs::directory_iterator();
       at.increment(error))
    if (is_process(at->path()) && !f(at->path())) return;
}

bool holds_socket(const fs::path& process, const std::string& wanted) {
  std::error_code error;
  for (auto at = fs::directory_iterator(process / "fd", error); !error && at != fs::directory_iterator();
       at.increment(error))
    if (link_of(at->path()) == wanted) return true;
  return false;
}

/// Reads until the end, for at most `patience`; false when that was too short, or it was too much.
bool drain(const net::Fd& fd, std::string& out, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::array<char, 65536> room{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{fd.get(), POLLIN, 0};
    const int ready = left.count() > 0 ? poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t n = read(fd.get(), room.data(), room.size());
    if (n == 0) return true;
    if (n < 0 || out.size() + static_cast<std::size_t>(n) > kMostText) return false;
    out.append(room.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

std::optional<std::string> read_text(const std::string& path) {
  const net::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return std::nullopt;
  std::string out;
  std::array<char, 65536> room{};
  for (;;) {
    const ssize_t n = read(fd.get(), room.data(), room.size());
    if (n == 0) return out;
    if (n < 0 || out.size() + static_cast<std::size_t>(n) > kMostText) return std::nullopt;
    out.append(room.data(), static_cast<std::size_t>(n));
  }
}

std::optional<long> read_number(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return std::nullopt;
  long value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

std::vector<LocalAddress> local_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<LocalAddress> out;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const socklen_t length = one->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (const auto endpoint = net::to_endpoint(*one->ifa_addr, length))
      out.push_back({one->ifa_name, endpoint->ip});
  }
  return out;
}

std::string interface_of(const std::vector<LocalAddress>& addresses, const IpAddress& ip) {
  const auto found = std::ranges::find(addresses, ip, &LocalAddress::ip);
  return found == addresses.end() ? std::string() : found->interface;
}

std::optional<IpAddress> source_toward(const IpAddress& to) {
  const net::Fd fd(socket(to.family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const net::SockAddr there(Endpoint{to, 9});
  if (!fd || connect(fd.get(), &there.any, there.length) != 0) return std::nullopt;
  net::SockAddr here;
  here.length = sizeof here.v6;
  if (getsockname(fd.get(), &here.any, &here.length) != 0) return std::nullopt;
  const auto endpoint = net::to_endpoint(here.any, here.length);
  return endpoint ? std::optional(endpoint->ip) : std::nullopt;
}

std::optional<std::uint32_t> stamp_flags(const std::string& interface) {
  const net::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_ts_info info{};
  info.cmd = ETHTOOL_GET_TS_INFO;
  ifreq request{};
  if (!fd || interface.size() >= sizeof request.ifr_name) return std::nullopt;
  std::memcpy(request.ifr_name, interface.c_str(), interface.size() + 1);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (ioctl(fd.get(), SIOCETHTOOL, &request) != 0) return std::nullopt;
  return info.so_timestamping;
}

int grantable_receive_buffer(int wanted) {
  const net::Fd fd(net::check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  int granted = 0;
  socklen_t size = sizeof granted;
  net::check(getsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &granted, &size), "SO_RCVBUF");
  return granted / 2;  // the kernel doubles what is asked for (socket(7))
}

std::vector<BoundSocket> bound_sockets(bool tcp) {
  std::vector<BoundSocket> out;
  for (const Family family : {Family::v4, Family::v6}) {
    const std::string file =
        fmt::format("/proc/self/net/{}{}", tcp ? "tcp" : "udp", family == Family::v6 ? "6" : "");
    const auto more = parse_proc_net(read_text(file).value_or(""), family, tcp);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

Owner owner_of(const BoundSocket& socket) {
  Owner owner;
  const std::string wanted = fmt::format("socket:[{}]", socket.inode);
  for_each_process([&](const fs::path& process) {
    if (!holds_socket(process, wanted)) return true;
    const std::string name = process.filename().string();
    (void)std::from_chars(name.data(), name.data() + name.size(), owner.pid);
    owner.program = program_of(process);
    return false;
  });
  return owner;
}

std::vector<std::string> running_programs() {
  std::vector<std::string> out;
  const std::string here = link_of("/proc/self/ns/net");
  for_each_process([&](const fs::path& process) {
    const std::string there = link_of(process / "ns" / "net");
    if (there.empty() || there == here) out.push_back(program_of(process));
    return true;
  });
  return out;
}

Result<std::string> nft_ruleset() {
  const auto* const program = access("/usr/sbin/nft", X_OK) == 0 ? "/usr/sbin/nft" : "/sbin/nft";
  if (access(program, X_OK) != 0) return Error{"there is no nft here"};
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Error{std::generic_category().message(errno)};
  const net::Fd out(ends[0]);
  net::Fd in(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::array<std::string, 4> words{"nft", "-j", "list", "ruleset"};
  std::array<char*, 5> arguments{words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, program, &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error{fmt::format("{}: {}", program, std::generic_category().message(failed))};
  in = net::Fd();
  std::string text;
  const bool whole = drain(out, text, kNftPatience);
  if (!whole) (void)kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole) return Error{"nft does not end, or prints too much"};
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error{geteuid() == 0 ? "nft failed" : "only root may read the rules"};
  return text;
}

}  // namespace flagfall::check
