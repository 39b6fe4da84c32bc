#include "common/net/dial.hh"

#include <event2/bufferevent.h>
#include <event2/event.h>

#include <cerrno>
#include <system_error>

#include "common/net/sockaddr.hh"

namespace flagfall::net {

struct Dial::Impl {
  struct Free {
    void operator()(bufferevent* event) const { bufferevent_free(event); }
  };
  Done done;
  std::unique_ptr<bufferevent, Free> stream;
  Watch soon;

  void finish(const std::string& why, bool ours) {
    if (auto tell = std::exchange(done, nullptr)) tell(why, ours);
  }
  void failed(int error) {
    const bool ours = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
                      error == EADDRNOTAVAIL || error == EACCES || error == EPERM;
    finish(error == 0 ? "no connection" : std::generic_category().message(error), ours);
  }
  static void on_event(bufferevent* /*stream*/, short what, void* self) {
    const int error = EVUTIL_SOCKET_ERROR();
    auto& impl = *static_cast<Impl*>(self);
    if ((what & BEV_EVENT_CONNECTED) != 0)
      impl.finish({}, false);
    else
      impl.failed(error);
  }
};

Dial::Dial(Loop& loop, const Endpoint& to, Done done) : impl_(std::make_unique<Impl>()) {
  impl_->done = std::move(done);
  impl_->stream.reset(
      bufferevent_socket_new(loop.raw(), -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
  SockAddr address(to);
  errno = 0;
  if (impl_->stream) bufferevent_setcb(impl_->stream.get(), nullptr, nullptr, Impl::on_event, impl_.get());
  if (impl_->stream &&
      bufferevent_socket_connect(impl_->stream.get(), &address.any, static_cast<int>(address.length)) == 0)
    return;
  const int error = errno == 0 ? ENOMEM : errno;
  impl_->soon = loop.after(Nanos(0), [impl = impl_.get(), error] { impl->failed(error); });
}
Dial::~Dial() = default;

}  // namespace flagfall::net
