#include "common/net/tx_stamps.hh"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

namespace flagfall::net {
namespace {

/// A stamp and the error that says whose it is; both, or the message is something else.
std::optional<TxStamp> read_stamp(msghdr& header) {
  std::optional<std::uint32_t> number;
  timespec stamp{};
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
      // The first of three is the software stamp (kernel Documentation/networking/timestamping.rst).
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    } else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
               (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(c), sizeof error);
      if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_info == SCM_TSTAMP_SND)
        number = error.ee_data;
    }
  }
  if (!number || stamp.tv_sec == 0) return std::nullopt;
  return TxStamp{*number, RealTime(from_timespec(stamp))};
}

}  // namespace

void TxStamps::enable(const Fd& fd) {
  const unsigned flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
                         SOF_TIMESTAMPING_OPT_TSONLY;
  check(setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), "SO_TIMESTAMPING");
}

std::span<TxStamp> TxStamps::drain(const Fd& fd) {
  std::size_t used = 0;
  for (unsigned i = 0; i < kBatch; ++i) {
    alignas(cmsghdr) std::array<std::uint8_t, 512> control{};
    msghdr header{};
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (recvmsg(fd.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    if (const auto stamp = read_stamp(header)) out_.at(used++) = *stamp;
  }
  return std::span(out_).first(used);
}

}  // namespace flagfall::net
