// Which request waits in which of a backend's sockets. A datagram protocol of any kind has no id that could
// be trusted, so a socket has one request at a time: what comes in it is the answer to that one, or to none.
// Pure: time is an argument; all memory is set aside at the start. Loop thread only.
//
// A socket that was answered rests before its next request, so that a second datagram of the same answer is
// nobody's. One whose request timed out must be replaced by another with another port: its answer may come
// yet. docs/design/udp-services.md says more.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::slave {

class BackendSlots {
 public:
  struct Options {
    std::uint32_t sockets = 256;
    Nanos timeout = std::chrono::milliseconds(500);
    Nanos rest = std::chrono::milliseconds(20);
  };
  /// All sockets are free.
  explicit BackendSlots(const Options& options);

  /// The socket for one more request, which has rested longest; none: all are in use. `whose`: what reply(),
  /// refused() and overdue() give back.
  [[nodiscard]] std::optional<std::uint32_t> ask(std::uint32_t whose, MonoTime now);
  /// The request in this socket is over: a datagram has come, or the kernel's word that nobody listens there.
  /// Whose it was; none: nobody's, and nothing changes.
  [[nodiscard]] std::optional<std::uint32_t> over(std::uint32_t slot, MonoTime now);

  struct Overdue {
    std::uint32_t slot;
    std::uint32_t whose;
  };
  /// The next request that has waited too long. Its socket is out of use from now on.
  [[nodiscard]] std::optional<Overdue> overdue(MonoTime now);
  /// This free socket is out of use, too.
  void broken(std::uint32_t slot);
  /// The first that is out of use; none: all work.
  [[nodiscard]] std::optional<std::uint32_t> first_broken() const;
  /// It has a new socket.
  void replaced(std::uint32_t slot);

  /// Requests that wait for their answers.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t broken() const { return broken_.size(); }

 private:
  struct Slot {
    enum class State : std::uint8_t { free, waiting, resting, broken } state = State::free;
    std::uint32_t whose = 0;
    MonoTime until;
    std::list<std::uint32_t>::iterator self;
  };
  using Line = std::list<std::uint32_t>;
  void move(std::uint32_t slot, Slot::State state, MonoTime until);
  [[nodiscard]] Line& line(Slot::State state);

  Options options_;
  std::vector<Slot> slots_;
  // Each in the order in which it came there; nodes move between them.
  Line free_, waiting_, resting_, broken_;
};

}  // namespace flagfall::slave
