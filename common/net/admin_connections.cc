#include "common/net/admin_connections.hh"

#include <event2/bufferevent.h>
#include <sys/socket.h>

#include <algorithm>

namespace flagfall::net {
namespace {

constexpr Nanos kLook = std::chrono::milliseconds(500);

/// evhttp frees a connection's bufferevent, which takes the callbacks off it; our reference keeps the rest.
bool closed(bufferevent* stream) {
  bufferevent_event_cb on_event = nullptr;
  bufferevent_getcb(stream, nullptr, nullptr, &on_event, nullptr);
  return on_event == nullptr;
}

}  // namespace

AdminConnections::AdminConnections(Loop& loop, const AdminLimits& limits)
    : limits_(limits), sweeper_(loop.every(kLook, [this] { sweep(); })), loop_(loop) {}

AdminConnections::~AdminConnections() {
  for (const One& one : all_) bufferevent_decref(one.stream);
}

void AdminConnections::add(bufferevent* stream) {
  forget_closed();
  ++counters_.accepted;
  const auto here = std::ranges::count(all_, false, &One::cut);
  One fresh{stream, Stage::request, clock_.mono()};
  if (static_cast<std::size_t>(here) >= limits_.connections) {
    ++counters_.evicted;
    One* oldest = nullptr;
    for (One& one : all_)
      if (!one.cut && one.stage != Stage::serving && (oldest == nullptr || one.since < oldest->since))
        oldest = &one;
    if (oldest != nullptr) {
      cut(*oldest);
    } else {
      fresh.cut = true;
      soon_ = loop_.after(Nanos(0), [this] {  // it has its descriptor by then
        for (One& one : all_)
          if (one.cut && !closed(one.stream)) cut(one);
      });
    }
  }
  bufferevent_incref(stream);
  all_.push_back(fresh);
}

void AdminConnections::serving(const bufferevent* stream) {
  enter(stream, Stage::serving);
}
void AdminConnections::replying(const bufferevent* stream) {
  enter(stream, Stage::reply);
}
void AdminConnections::replied(const bufferevent* stream) {
  enter(stream, Stage::request);
}

void AdminConnections::enter(const bufferevent* stream, Stage stage) {
  const auto one = std::ranges::find(all_, stream, &One::stream);
  if (one == all_.end()) return;
  one->stage = stage;
  one->since = clock_.mono();
}

void AdminConnections::sweep() {
  forget_closed();
  const MonoTime now = clock_.mono();
  for (One& one : all_) {
    if (one.cut || one.stage == Stage::serving) continue;
    if (now - one.since < (one.stage == Stage::reply ? limits_.reply : limits_.request)) continue;
    ++counters_.timed_out;
    cut(one);
  }
}

void AdminConnections::forget_closed() {
  std::erase_if(all_, [](const One& one) {
    if (!closed(one.stream)) return false;
    bufferevent_decref(one.stream);
    return true;
  });
}

/// The descriptor stays open until evhttp has seen the end.
void AdminConnections::cut(One& one) {
  one.cut = true;
  (void)shutdown(bufferevent_getfd(one.stream), SHUT_RDWR);
}

}  // namespace flagfall::net
