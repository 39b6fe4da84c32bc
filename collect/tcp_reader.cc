#include "collect/tcp_reader.hh"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace flagfall::collect {
namespace {

/// Parts of an answer that are read in one turn, 32 KiB or about 80 connections each: orders wait meanwhile.
constexpr int kBatch = 2;
constexpr std::size_t kPart = 32768;
// include/net/tcp_states.h: established, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING.
constexpr std::uint32_t kStates = 1U << 1 | 1U << 4 | 1U << 5 | 1U << 8 | 1U << 9 | 1U << 11;

}  // namespace

void TcpReader::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

TcpReader::TcpReader(net::Loop& loop, const PathOptions& options, Tell tell)
    : options_(options),
      tell_(std::move(tell)),
      paths_(options),
      room_(kPart),
      socket_(mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_NONBLOCK | SOCK_CLOEXEC)) {
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    throw std::system_error(errno, std::generic_category(),
                            "collect.tcp: the kernel's socket table (NETLINK_SOCK_DIAG)");
  for (const Endpoint& server : options_.servers)
    // An IPv6 socket may serve IPv4 clients at IPv4 addresses, too.
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}})
      if (std::ranges::none_of(
              questions_, [&](const Question& q) { return q.family == family && q.port == server.port; }))
        questions_.push_back({family, server.port});
  at_ = questions_.size();
  readable_ = loop.on_readable(mnl_socket_get_fd(socket_.get()), [this] { read(); });
}
TcpReader::~TcpReader() = default;

void TcpReader::look() {
  if (at_ < questions_.size()) ++counters_.failed;
  paths_ = TcpPaths(options_);
  at_ = 0;
  if (!ask()) {
    ++counters_.failed;
    at_ = questions_.size();
  }
}

/// What is under way of an older question is told by its sequence number.
bool TcpReader::ask() {
  const Question& question = questions_[at_];
  std::array<std::uint8_t, 256> room{};
  nlmsghdr* const header = mnl_nlmsg_put_header(room.data());
  header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  auto* const request =
      static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
  request->sdiag_family = question.family;
  request->sdiag_protocol = IPPROTO_TCP;
  request->idiag_ext = 1U << (INET_DIAG_INFO - 1);
  request->idiag_states = kStates;
  request->id.idiag_sport = htons(question.port);
  return mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) >= 0;
}

void TcpReader::read() {
  for (int i = 0; i < kBatch; ++i) {
    const ssize_t n = mnl_socket_recvfrom(socket_.get(), room_.data(), room_.size());
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      ++counters_.failed;  // a part was lost (ENOBUFS) or did not fit: the figures would be of a part only
      at_ = questions_.size();
      return;
    }
    if (!take(Bytes(room_).first(static_cast<std::size_t>(n)))) answered();
  }
}

bool TcpReader::take(Bytes messages) {
  auto left = static_cast<int>(messages.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());  // NOLINT(*-reinterpret-cast)
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
    if (message->nlmsg_seq != sequence_ || at_ == questions_.size()) continue;
    if (message->nlmsg_type == NLMSG_DONE) return false;
    if (message->nlmsg_type == NLMSG_ERROR) {
      ++counters_.failed;
      at_ = questions_.size();
      return true;
    }
    const Bytes payload(static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(message)),
                        mnl_nlmsg_get_payload_len(message));
    if (const auto connection = parse_tcp_diag(payload)) paths_.add(*connection);
  }
  return true;
}

void TcpReader::answered() {
  if (++at_ < questions_.size()) {
    if (ask()) return;
    ++counters_.failed;
    at_ = questions_.size();
    return;
  }
  ++counters_.looks;
  counters_.left_out += paths_.left_out();
  const std::uint64_t open = paths_.open();
  tell_({paths_.take(), open});
}

}  // namespace flagfall::collect
