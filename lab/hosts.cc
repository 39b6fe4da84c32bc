#include "lab/hosts.hh"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <spdlog/fmt/fmt.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>

#include "lab/names.hh"
#include "lab/process.hh"

namespace flagfall::lab {

namespace fs = std::filesystem;

namespace {

constexpr const char* kNamespaces = "/run/netns";

net::Fd open_or_throw(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
  return net::Fd(fd);
}

/// This thread inside a namespace, until the end of the scope.
class InNamespace {
 public:
  explicit InNamespace(const std::string& name) : home_(open_or_throw("/proc/thread-self/ns/net", O_RDONLY)) {
    const net::Fd there = open_or_throw(fmt::format("{}/{}", kNamespaces, name), O_RDONLY);
    net::check(setns(there.get(), CLONE_NEWNET), "setns");
  }
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;
  InNamespace(InNamespace&&) = delete;
  InNamespace& operator=(InNamespace&&) = delete;
  ~InNamespace() {
    [[maybe_unused]] const int back = setns(home_.get(), CLONE_NEWNET);
    assert(back == 0);
  }

 private:
  net::Fd home_;
};

void set_sysctl(const std::string& key, std::string_view value) {
  const net::Fd fd = open_or_throw("/proc/sys/net/" + key, O_WRONLY);
  if (::write(fd.get(), value.data(), value.size()) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot set net/" + key);
}

/// Before any interface is there, so that all get them.
void set_sysctls() {
  // Answers come from addresses that the host has no route back to: no source checks.
  set_sysctl("ipv4/conf/all/rp_filter", "0");
  set_sysctl("ipv4/conf/default/rp_filter", "0");
  if (!fs::exists("/proc/sys/net/ipv6")) return;
  // Addresses at once, and no traffic of the kernel's own: no DAD, no router search, no link-local.
  set_sysctl("ipv6/conf/all/accept_dad", "0");
  set_sysctl("ipv6/conf/default/accept_dad", "0");
  set_sysctl("ipv6/conf/default/accept_ra", "0");
  set_sysctl("ipv6/conf/default/router_solicitations", "0");
  set_sysctl("ipv6/conf/default/addr_gen_mode", "1");
}

net::Fd make_tun(const char* name) {
  net::Fd fd = open_or_throw("/dev/net/tun", O_RDWR | O_NONBLOCK);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  net::check(::ioctl(fd.get(), TUNSETIFF, &request), "cannot make a TUN interface");
  return fd;
}

std::string furnish(const Host& host, unsigned mtu) {
  std::string batch = "link set dev lo up\n";
  // 10,000 packets may wait for the lab's thread: a burst is then delayed by it, never dropped.
  batch += fmt::format("link set dev {} mtu {} txqueuelen 10000 up\n", kInterface, mtu);
  bool v4 = false, v6 = false;
  for (const IpAddress& address : host.addresses) {
    const bool six = address.family == Family::v6;
    (six ? v6 : v4) = true;
    batch += fmt::format("addr add {}/{} dev {}{}\n", to_string(address), six ? 128 : 32, kInterface,
                         six ? " nodad" : "");
  }
  if (v4) batch += fmt::format("route add 0.0.0.0/0 dev {}\n", kInterface);
  if (v6) batch += fmt::format("route add ::/0 dev {}\n", kInterface);
  return batch;
}

/// A bridge in a namespace of its own, a veth pair from it to each host that has an address there.
std::string management_batch(const Topology& topology) {
  const std::string hub = hub_namespace_of(topology.lab);
  std::string batch;
  unsigned port = 0;
  for (const Host& host : topology.hosts)
    if (host.management)
      batch += fmt::format("link add name {} netns {} type veth peer name port{} netns {}\n",
                           kManagementInterface, namespace_of(topology.lab, host.name), port++, hub);
  return batch;
}

std::string hub_batch(const Topology& topology) {
  std::string batch =
      "link add name bridge0 type bridge stp_state 0 forward_delay 0\nlink set dev bridge0 up\n";
  unsigned port = 0;
  for (const Host& host : topology.hosts)
    if (host.management) batch += fmt::format("link set dev port{} master bridge0 up\n", port++);
  return batch;
}

std::string management_end(const Host& host, const Prefix& network) {
  return fmt::format("addr add {}/{} dev {}{}\nlink set dev {} up\n", to_string(*host.management),
                     network.length, kManagementInterface,
                     host.management->family == Family::v6 ? " nodad" : "", kManagementInterface);
}

std::vector<pid_t> processes_in(const std::set<ino_t>& namespaces) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    struct stat info {};
    if (::stat((entry.path() / "ns/net").c_str(), &info) == 0 && namespaces.contains(info.st_ino) &&
        pid != ::getpid())
      found.push_back(pid);
  }
  return found;
}

void end_processes(const std::vector<std::string>& names) {
  std::set<ino_t> inodes;
  for (const std::string& name : names) {
    struct stat info {};
    if (::stat(fmt::format("{}/{}", kNamespaces, name).c_str(), &info) == 0) inodes.insert(info.st_ino);
  }
  constexpr int kGraceSteps = 50;
  for (int step = 0; step <= kGraceSteps; ++step) {
    const std::vector<pid_t> pids = processes_in(inodes);
    if (pids.empty()) return;
    if (step == 0 || step == kGraceSteps)
      for (const pid_t pid : pids) ::kill(pid, step == 0 ? SIGTERM : SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

std::vector<net::Fd> make_hosts(const Topology& topology) {
  std::string namespaces;
  if (topology.management) namespaces += fmt::format("netns add {}\n", hub_namespace_of(topology.lab));
  for (const Host& host : topology.hosts)
    namespaces += fmt::format("netns add {}\n", namespace_of(topology.lab, host.name));
  ip_batch(namespaces);

  std::vector<net::Fd> tuns;
  for (const Host& host : topology.hosts) {
    const InNamespace inside(namespace_of(topology.lab, host.name));
    set_sysctls();
    tuns.push_back(make_tun(kInterface));
    ip_batch(furnish(host, topology.mtu));
  }
  if (topology.management) {
    ip_batch(management_batch(topology));
    {
      const InNamespace inside(hub_namespace_of(topology.lab));
      ip_batch(hub_batch(topology));
    }
    for (const Host& host : topology.hosts) {
      if (!host.management) continue;
      const InNamespace inside(namespace_of(topology.lab, host.name));
      ip_batch(management_end(host, *topology.management));
    }
  }
  return tuns;
}

std::vector<std::string> namespaces_of(std::string_view lab) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(kNamespaces, ignored))
    if (lab_of_namespace(entry.path().filename().string()) == lab) found.push_back(entry.path().filename());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> labs_with_namespaces() {
  std::set<std::string> labs;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(kNamespaces, ignored))
    if (auto lab = lab_of_namespace(entry.path().filename().string())) labs.insert(*std::move(lab));
  return {labs.begin(), labs.end()};
}

void remove_hosts(std::string_view lab) {
  const std::vector<std::string> names = namespaces_of(lab);
  if (names.empty()) return;
  end_processes(names);
  std::string batch;
  for (const std::string& name : names) batch += fmt::format("netns del {}\n", name);
  ip_batch(batch, /*force=*/true);
}

}  // namespace flagfall::lab
