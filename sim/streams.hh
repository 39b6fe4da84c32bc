// A model of TLS over TCP between the world's hosts: the handshake's round trips,
// certificates as names, a key that both ends export, octets in order however
// the path treats their segments, and the ways in which a connection ends: closed,
// refused, reset, or half open because the other host is gone without a word.
// What it leaves out: windows, congestion, the bytes of TLS itself.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/net/seal.hh"
#include "sim/network.hh"

namespace flagfall::sim {

using StreamId = std::uint64_t;

/// What one end hears of its connections. The calls come from the event queue, never from within a call of
/// Streams.
class StreamUser {
 public:
  virtual ~StreamUser() = default;
  /// A connection to `at` comes in; false when nobody listens there.
  virtual bool stream_comes(StreamId id, const Endpoint& at, const Endpoint& from) = 0;
  /// The handshake is over on this side. `peer`: the other certificate's name.
  virtual void stream_open(StreamId id, const std::string& peer, const net::SealKey& key) = 0;
  virtual void stream_bytes(StreamId id, Bytes bytes) = 0;
  /// Closed or reset by the other end, or refused. Not called for one's own close.
  virtual void stream_closed(StreamId id, const std::string& why) = 0;

 protected:
  StreamUser() = default;
  StreamUser(const StreamUser&) = default;
  StreamUser& operator=(const StreamUser&) = default;
};

class Streams {
 public:
  Streams(EventQueue& queue, Network& network, Trace& trace, std::uint64_t seed)
      : queue_(queue), network_(network), trace_(trace), random_(seed) {}

  void attach(HostId host, std::string certificate, StreamUser& user);

  StreamId dial(HostId from, const Endpoint& local, const Endpoint& to);
  /// On a connection that is gone this does nothing.
  void write(StreamId id, HostId who, Bytes bytes);
  /// Gone for `who`; the other end hears of it after what was written.
  void close(StreamId id, HostId who);
  /// The other end hears of it after what was written, and its own end comes back.
  void finish(StreamId id, HostId who);
  /// The process is gone: its kernel closes its connections.
  void killed(HostId host);
  /// The host is gone: the others hear nothing, and a reset when they speak to it after its return.
  void lost_power(HostId host);
  /// Octets that `who` wrote and that have not arrived.
  [[nodiscard]] std::size_t unsent(StreamId id, HostId who) const;
  [[nodiscard]] std::size_t count() const { return connections_.size(); }

 private:
  /// A segment: a step of the handshake, octets, or the end.
  struct Segment {
    enum class Kind : std::uint8_t { handshake, octets, end, reset } kind = Kind::octets;
    unsigned step = 0;
    std::vector<std::uint8_t> data;
    RefTime ready = RefTime::max();  // when it is there; not yet known while it is lost
  };
  struct End {
    HostId host = 0;
    bool alive = true;  // this host still knows the connection
    bool open = false;  // its user was told
    std::deque<Segment> out;
    std::uint64_t first = 0;  // number of out.front()
  };
  struct Connection {
    std::array<End, 2> ends;  // 0 dialled
    Endpoint local, remote;
    net::SealKey key{};
  };
  struct User {
    std::string certificate;
    StreamUser* user = nullptr;
  };
  [[nodiscard]] static unsigned side_of(const Connection& c, HostId who) {
    return c.ends[0].host == who ? 0 : 1;
  }
  void push(StreamId id, unsigned side, Segment segment);
  void transmit(StreamId id, unsigned side, std::uint64_t number, Nanos timeout);
  void deliver(StreamId id, unsigned side);
  void take(StreamId id, unsigned to, const Segment& segment);
  void handshake(StreamId id, unsigned to, unsigned step);
  void hand_over(StreamId id, unsigned to, const std::vector<std::uint8_t>& data);
  void end(StreamId id, unsigned side, const char* why);
  void drop(StreamId id, unsigned side);

  EventQueue& queue_;
  Network& network_;
  Trace& trace_;
  SeededRandom random_;
  std::map<HostId, User> users_;
  std::map<StreamId, Connection> connections_;
  StreamId next_ = 1;
};

}  // namespace flagfall::sim
