// Clients of bench/answer.py: A queries with EDNS for one name over UDP, each from the next of many source
// addresses, and a look at every answer. Addresses of its network namespace's loopback device are its own
// (`ip route add local 0.0.0.0/1 dev lo`), so that one socket sends from all of them.
//
// Reads lines "ADDRESS RIGHT" of the sources, then waits on standard input for turns, one a line: "SERVER
// PORT SECONDS RATE WINDOW". Queries come as a Poisson process of RATE a second, or with RATE 0 as fast as
// answers come back; WINDOW are under way at most. Says of each turn in one line of JSON what came back.
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/random.hh"
#include "common/base/time.hh"
#include "common/net/udp.hh"

using namespace flagfall;              // NOLINT(google-build-using-namespace): a program
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

namespace {

constexpr unsigned kBatch = 64;
constexpr std::size_t kMostAnswer = 512;
constexpr std::size_t kIds = 65536;
constexpr Nanos kLast = 100ms;  // for the last answers of a turn
constexpr Nanos kLost = 50ms;   // all that is under way, when nothing has come for so long
constexpr int kReceiveBuffer = 8 << 20;

struct Source {
  std::array<std::uint8_t, 4> from{};
  std::array<std::uint8_t, 4> right{};  // what it must be answered with
};

struct Turn {
  Endpoint server;
  double seconds = 0;
  double rate = 0;
  std::size_t window = 0;
};

struct Count {
  std::uint64_t sent = 0, right = 0, wrong = 0, not_sent = 0;
  double seconds = 0;
};

void put16(std::vector<std::uint8_t>& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}

/// With id 0; EDNS of 1232 octets, no options.
std::vector<std::uint8_t> make_query(std::string_view name) {
  std::vector<std::uint8_t> out;
  for (const unsigned v : {0U, 0U, 1U, 0U, 0U, 1U}) put16(out, v);
  while (!name.empty()) {
    const auto dot = std::min(name.find('.'), name.size());
    out.push_back(static_cast<std::uint8_t>(dot));
    for (const char c : name.substr(0, dot)) out.push_back(static_cast<std::uint8_t>(c));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  out.push_back(0);
  put16(out, 1);
  put16(out, 1);
  out.push_back(0);
  for (const unsigned v : {41U, 1232U, 0U, 0U, 0U}) put16(out, v);
  return out;
}

class Clients {
 public:
  Clients(std::vector<Source> sources, std::string_view name)
      : sources_(std::move(sources)),
        query_(make_query(name)),
        question_end_(query_.size() - 11),
        fd_(net::udp_socket({{{}, Family::v4}, 0}, {.receive_buffer = kReceiveBuffer})) {
    const int on = 1;
    net::check(setsockopt(fd_.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on), "IP_PKTINFO");
    for (unsigned i = 0; i < kBatch; ++i) {
      Slot& out = out_.at(i);
      out.data = query_;
      out.prepare();
      Slot& in = in_.at(i);
      in.data.resize(kMostAnswer);
      in.prepare();
    }
  }

  Count run(const Turn& turn) {
    Count count;
    asked_.assign(kIds, kNobody);
    under_way_ = 0;
    to_.sin_family = AF_INET;
    to_.sin_port = htons(turn.server.port);
    std::memcpy(&to_.sin_addr, turn.server.ip.octets.data(), 4);
    const MonoTime start = clock_.mono();
    const MonoTime end = start + Nanos(static_cast<std::int64_t>(turn.seconds * 1e9));
    MonoTime next = start;
    MonoTime heard = start;
    for (MonoTime now = start; now < end; now = clock_.mono()) {
      unsigned due = 0;
      for (; due < kBatch && under_way_ + due < turn.window && (turn.rate <= 0 || next <= now); ++due)
        if (turn.rate > 0) next += gap(turn.rate);
      if (due > 0) send(due, count);
      if (receive(count) || under_way_ == 0) heard = now;
      if (now - heard < kLost) continue;
      asked_.assign(kIds, kNobody);
      under_way_ = 0;
    }
    count.seconds = static_cast<double>((clock_.mono() - start).count()) * 1e-9;
    for (const MonoTime last = clock_.mono() + kLast; under_way_ > 0 && clock_.mono() < last;) receive(count);
    return count;
  }

 private:
  static constexpr std::uint32_t kNobody = ~0U;
  struct Slot {
    std::vector<std::uint8_t> data;
    iovec vector{};
    sockaddr_in peer{};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control{};
    void prepare() { vector = {data.data(), data.size()}; }
    [[nodiscard]] mmsghdr header() {
      mmsghdr out{};
      out.msg_hdr = {&peer, sizeof peer, &vector, 1, control.data(), sizeof control, 0};
      return out;
    }
  };

  Nanos gap(double rate) {
    return Nanos(static_cast<std::int64_t>(-std::log(1 - random_.unit()) * 1e9 / rate));
  }

  void send(unsigned n, Count& count) {
    for (unsigned i = 0; i < n; ++i) {
      while (asked_[next_id_] != kNobody) ++next_id_;  // one that was lost, some 65,536 queries ago
      const std::uint16_t id = next_id_++;
      if (next_source_ == sources_.size()) next_source_ = 0;
      asked_[id] = next_source_;
      Slot& slot = out_.at(i);
      slot.data[0] = static_cast<std::uint8_t>(id >> 8);
      slot.data[1] = static_cast<std::uint8_t>(id);
      slot.peer = to_;
      headers_.at(i) = slot.header();
      cmsghdr* const c = CMSG_FIRSTHDR(&headers_.at(i).msg_hdr);
      c->cmsg_level = IPPROTO_IP;
      c->cmsg_type = IP_PKTINFO;
      c->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_pktinfo from{};
      std::memcpy(&from.ipi_spec_dst, sources_[next_source_++].from.data(), 4);
      std::memcpy(CMSG_DATA(c), &from, sizeof from);
    }
    const int sent = sendmmsg(fd_.get(), headers_.data(), n, 0);
    const auto gone = static_cast<unsigned>(std::max(sent, 0));
    for (unsigned i = gone; i < n; ++i) {
      asked_[static_cast<std::size_t>(out_.at(i).data[0]) << 8 | out_.at(i).data[1]] = kNobody;
      ++count.not_sent;
    }
    under_way_ += gone;
    count.sent += gone;
  }

  /// Whether anything came.
  bool receive(Count& count) {
    for (unsigned i = 0; i < kBatch; ++i) headers_.at(i) = in_.at(i).header();
    const int n = recvmmsg(fd_.get(), headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; ++i) {
      mmsghdr& h = headers_.at(static_cast<std::size_t>(i));
      ++(right(in_.at(static_cast<std::size_t>(i)), h) ? count.right : count.wrong);
    }
    return n > 0;
  }

  /// The question, NOERROR with authority, one A record with the right address; to who asked, once.
  bool right(const Slot& slot, mmsghdr& h) {
    const std::vector<std::uint8_t>& d = slot.data;
    constexpr std::size_t kRecord = 16;  // a pointer to the name, type, class, TTL, length, address
    if (h.msg_len < question_end_ + kRecord) return false;
    std::uint32_t& who = asked_[static_cast<std::size_t>(d[0]) << 8 | d[1]];
    if (who == kNobody) return false;
    const Source& source = sources_[who];
    who = kNobody;
    --under_way_;
    const cmsghdr* const c = CMSG_FIRSTHDR(&h.msg_hdr);
    if (c == nullptr || c->cmsg_type != IP_PKTINFO) return false;
    in_pktinfo to{};
    std::memcpy(&to, CMSG_DATA(c), sizeof to);
    constexpr unsigned kResponse = 0x84, kResponseMask = 0xfe;  // QR and AA; not TC
    constexpr std::array<std::uint8_t, 6> kA{0xc0, 0x0c, 0, 1, 0, 1};
    return std::memcmp(&to.ipi_addr, source.from.data(), 4) == 0 && (d[2] & kResponseMask) == kResponse &&
           (d[3] & 0x0fU) == 0 && d[6] == 0 && d[7] == 1 &&
           std::memcmp(d.data() + 12, query_.data() + 12, question_end_ - 12) == 0 &&
           std::memcmp(d.data() + question_end_, kA.data(), kA.size()) == 0 &&
           std::memcmp(d.data() + question_end_ + kRecord - 4, source.right.data(), 4) == 0;
  }

  SystemClock clock_;
  SeededRandom random_{1};
  std::vector<Source> sources_;
  std::vector<std::uint8_t> query_;
  std::size_t question_end_;
  net::Fd fd_;
  sockaddr_in to_{};
  std::array<Slot, kBatch> out_;
  std::array<Slot, kBatch> in_;
  std::array<mmsghdr, kBatch> headers_{};
  std::vector<std::uint32_t> asked_;  // by id: the source that waits for it
  std::size_t under_way_ = 0;
  std::uint32_t next_source_ = 0;
  std::uint16_t next_id_ = 0;
};

std::vector<Source> read_sources(const std::string& path) {
  std::ifstream file(path);
  std::vector<Source> out;
  std::string from;
  std::string right;
  while (file >> from >> right) {
    const auto a = parse_ip(from);
    const auto b = parse_ip(right);
    if (!a || !b || a->family != Family::v4 || b->family != Family::v4)
      throw std::runtime_error(fmt::format("{}: not two IPv4 addresses: {} {}", path, from, right));
    Source& s = out.emplace_back();
    std::copy_n(a->octets.begin(), 4, s.from.begin());
    std::copy_n(b->octets.begin(), 4, s.right.begin());
  }
  if (out.empty()) throw std::runtime_error(path + ": no sources");
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::string sources;
    std::string name;
    CLI::App app("Queries from many sources, and whether the answers are right");
    app.add_option("--sources", sources, "file of addresses and right answers")->required();
    app.add_option("--name", name, "that is asked for")->required();
    CLI11_PARSE(app, argc, argv);
    Clients clients(read_sources(sources), name);
    for (std::string line; std::getline(std::cin, line);) {
      Turn turn;
      std::string server;
      std::istringstream in(line);
      in >> server >> turn.server.port >> turn.seconds >> turn.rate >> turn.window;
      const auto ip = parse_ip(server);
      if (!in || !ip || turn.window == 0 || turn.window > kIds / 2)
        throw std::runtime_error("no turn: " + line);
      turn.server.ip = *ip;
      const Count c = clients.run(turn);
      fmt::print("{{\"sent\": {}, \"right\": {}, \"wrong\": {}, \"not_sent\": {}, \"seconds\": {:.6f}}}\n",
                 c.sent, c.right, c.wrong, c.not_sent, c.seconds);
      (void)std::fflush(stdout);
    }
  } catch (const std::exception& e) {
    (void)std::fprintf(stderr, "bench_answer: %s\n", e.what());
    return 1;
  }
  return 0;
}
