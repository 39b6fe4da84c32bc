// Takes the connections that come to listening sockets: some of them a turn, and none for a while when the
// host has no descriptors left. Loop thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/ip.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

struct Accepted {
  Fd fd;
  Endpoint peer;
};
/// The next connection that waits; an empty fd when there is none, or `error` says why none could be taken.
Accepted tcp_accept(const Fd& listening, int& error);

class Acceptor {
 public:
  /// `listener`: as add() counted them.
  using Take = std::function<void(Fd connection, const Endpoint& peer, std::size_t listener)>;
  /// `errors` counts pauses for want of descriptors or memory. `loop` and `errors` outlive it.
  Acceptor(Loop& loop, Counter& errors, Take take);

  /// A listening socket, before start().
  void add(Fd listening);
  void start();
  /// Where they really listen (ports, when 0 was asked for), as they were added.
  [[nodiscard]] std::vector<Endpoint> local() const;

 private:
  void accept(std::size_t listener);
  void pause();

  struct Listener {
    Fd fd;
    Watch watch;
  };
  Loop& loop_;
  Counter& errors_;
  Take take_;
  std::vector<Listener> listeners_;
  Watch resume_;
};

}  // namespace flagfall::net
