#include "common/net/acceptor.hh"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"

namespace flagfall::net {
namespace {

constexpr int kAtOnce = 64;  // then those that are here get their turn
/// After running out of descriptors, do not try again before.
constexpr Nanos kPause = std::chrono::milliseconds(100);

}  // namespace

Accepted tcp_accept(const Fd& listening, int& error) {
  error = 0;
  // Some failures belong to a connection that is gone already (accept(2)): try the next.
  for (int tries = 0; tries < 16; ++tries) {
    SockAddr from;
    from.length = sizeof from.v6;
    Fd fd(accept4(listening.get(), &from.any, &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) return {std::move(fd), to_endpoint(from.any, from.length).value_or(Endpoint{})};
    if (errno == EAGAIN) return {};
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      error = errno;
      return {};
    }
  }
  return {};
}

Acceptor::Acceptor(Loop& loop, Counter& errors, Take take)
    : loop_(loop), errors_(errors), take_(std::move(take)) {}

void Acceptor::add(Fd listening) {
  listeners_.push_back({std::move(listening), Watch()});
}

void Acceptor::start() {
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    listeners_[i].watch = loop_.on_readable(listeners_[i].fd.get(), [this, i] { accept(i); });
}

std::vector<Endpoint> Acceptor::local() const {
  std::vector<Endpoint> out;
  for (const Listener& each : listeners_) out.push_back(local_endpoint(each.fd));
  return out;
}

void Acceptor::accept(std::size_t listener) {
  for (int i = 0; i < kAtOnce; ++i) {
    int error = 0;
    auto [fd, peer] = tcp_accept(listeners_[listener].fd, error);
    if (error != 0) return pause();
    if (!fd) return;
    take_(std::move(fd), peer, listener);
  }
}

/// The queue stays readable: without a pause the loop would spin.
void Acceptor::pause() {
  ++errors_;
  for (Listener& each : listeners_) each.watch.pause();
  resume_ = loop_.after(kPause, [this] {
    for (Listener& each : listeners_) each.watch.resume();
  });
}

}  // namespace flagfall::net
