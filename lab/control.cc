#include "lab/control.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <system_error>

#include "lab/report.hh"
#include "lab/topology_file.hh"

namespace flagfall::lab {

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxConnections = 16;

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  assert(path.size() < sizeof address.sun_path);  // names are bounded by names.hh
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::vector<HostId> matching(const std::string& word, const Topology& topology) {
  std::vector<HostId> hosts;
  for (HostId id = 0; id < topology.hosts.size(); ++id)
    if (word == "*" || topology.hosts[id].name == word) hosts.push_back(id);
  return hosts;
}

}  // namespace

Result<unsigned> change_links(const std::vector<std::string>& words, bool one_way, const Topology& topology,
                              Network& network) {
  if (words.size() < 3) return Error{"expected FROM TO KEY=VALUE..., such as: master slave1 delay=20ms"};
  const auto from_hosts = matching(words[0], topology), to_hosts = matching(words[1], topology);
  if (from_hosts.empty()) return Error{"no host is called '" + words[0] + "'"};
  if (to_hosts.empty()) return Error{"no host is called '" + words[1] + "'"};
  const Result<LinkChange> change = parse_link_change({words.begin() + 2, words.end()});
  if (!change) return Error{change.error()};
  unsigned changed = 0;
  const auto apply = [&](HostId a, HostId b) {
    // With a `*`, only links that are there; a pair that was named is connected if it was not.
    const bool named = words[0] != "*" && words[1] != "*";
    const std::optional<Link>& link = network.link(a, b);
    if (!link && !named) return;
    network.set_link(a, b, change->applied_to(link.value_or(Link{})));
    ++changed;
  };
  for (const HostId from : from_hosts)
    for (const HostId to : to_hosts) {
      if (from == to) continue;
      apply(from, to);
      if (!one_way && words[0] != words[1]) apply(to, from);
    }
  if (changed == 0) return Error{"no link between '" + words[0] + "' and '" + words[1] + "'"};
  return changed;
}

Result<std::string> execute(std::string_view line, const Topology& topology, Forwarder& forwarder) {
  std::istringstream in{std::string(line)};
  std::string verb;
  in >> verb;
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  if (verb == "stats" && words.empty()) {
    forwarder.flush_captures();  // who looks at the counters may look at the captures next
    return report_json(forwarder.stats(), forwarder.under_way(), forwarder.network(), topology) + "\n";
  }
  if (verb == "link" || verb == "link-one-way") {
    const Result<unsigned> changed =
        change_links(words, verb == "link-one-way", topology, forwarder.network());
    if (!changed) return Error{changed.error()};
    return std::to_string(*changed) + " directions changed\n";
  }
  return Error{"unknown command '" + verb + "'; there are stats, link and link-one-way"};
}

ControlServer::ControlServer(const std::string& path, const Topology& topology, Forwarder& forwarder)
    : topology_(topology),
      forwarder_(forwarder),
      listener_(net::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket")) {
  ::unlink(path.c_str());
  const sockaddr_un address = unix_address(path);
  const mode_t before = ::umask(0077);
  const int bound = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(before);
  if (bound != 0) throw std::system_error(errno, std::generic_category(), "cannot make " + path);
  net::check(::listen(listener_.get(), static_cast<int>(kMaxConnections)), "listen");
  forwarder_.watch(listener_.get(), [this] { accept_one(); });
}

void ControlServer::accept_one() {
  net::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || connections_.size() == kMaxConnections) return;  // too many: closed at once
  const auto connection = connections_.insert(connections_.end(), {std::move(fd), {}});
  forwarder_.watch(connection->fd.get(), [this, connection] { serve(connection); });
}

void ControlServer::serve(std::list<Connection>::iterator connection) {
  std::array<char, kMaxLine> buffer{};
  const int fd = connection->fd.get();
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) connection->line.append(buffer.data(), static_cast<std::size_t>(n));
  const std::size_t end = connection->line.find('\n');
  const bool over = n <= 0 || connection->line.size() > kMaxLine;
  if (end == std::string::npos && !over) return;
  if (end != std::string::npos) {
    const Result<std::string> answer = execute(connection->line.substr(0, end), topology_, forwarder_);
    const std::string text = answer ? "ok\n" + *answer : "error: " + answer.error() + "\n";
    // The answer of a lab with 40 hosts is 150 kB at most: the socket's buffer takes it or the asker gets a
    // part.
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  forwarder_.unwatch(fd);
  connections_.erase(connection);
}

Result<std::string> ask(const std::string& path, const std::string& line) {
  const net::Fd fd(net::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const sockaddr_un address = unix_address(path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error{"cannot reach the lab at " + path + " (" + std::strerror(errno) +
                 "); flagfall-lab list shows the labs that run"};
  const std::string command = line + "\n";
  if (::send(fd.get(), command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()))
    return Error{"the lab at " + path + " took no command"};
  std::string answer;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (answer.starts_with("ok\n")) return answer.substr(3);
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  if (answer.starts_with("error: ")) return Error{answer.substr(7)};
  return Error{"the lab at " + path + " gave no answer"};
}

}  // namespace flagfall::lab
