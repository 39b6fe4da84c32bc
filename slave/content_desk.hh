// Content instead of redirects: what a server of this site says to a raced request becomes the segment of its
// shot, if it fits and comes before the shot's turn; otherwise the redirect goes, which is in the shot
// already (docs/design/content-races.md). Pure; nothing allocates. Loop thread only.
#pragma once

#include <cstdint>

#include "common/base/counters.hh"
#include "common/http/response_reader.hh"
#include "common/wire/order.hh"
#include "slave/shot.hh"

namespace flagfall::slave {

/// A shot that may get content.
struct ContentWish {
  std::uint32_t shot = 0;
  std::uint32_t turn = 0;  // of its slot in the pool
  Endpoint source{};
  Endpoint client{};
  wire::OrderSegment segment{};
  std::uint16_t length = 0;  // octets of the segment
  bool close = false;        // the connection ends with the answer
};

/// What to ask for it; `request` is a view into the order.
struct ContentAsk {
  ContentWish wish;
  std::uint16_t backend = 0;
  Bytes request;
};

/// What became of asks. Written by the loop thread, read by any.
struct ContentCounters {
  Counter ready;     // in time: the segment is the server's answer
  Counter too_long;  // for the segment
  Counter too_late;  // for the instant
  Counter failed;    // no connection, no answer, or none that is passed on
  Counter busy;      // all connections to the server were in use
  Counter retried;   // on a new connection, as an old one had ended meanwhile

  /// f(name, counter) for each, in the order above.
  template <class F>
  void for_each(F f) const {
    f("contents_ready", ready);
    f("contents_too_long", too_long);
    f("contents_too_late", too_late);
    f("contents_failed", failed);
    f("contents_busy", busy);
    f("contents_retried", retried);
  }
};

/// The redirect with blanks to its full length, in `room`; empty: that is longer than `room`.
Bytes write_padded(const wire::OrderContent& content, MutableBytes room);
/// The answer as the client of a raced request gets it: of `length` octets exactly, with blanks behind a
/// field's value; into `out`, which has so many. False: it does not fit.
bool write_content(const http::Response& response, bool close, MutableBytes out);
/// The whole packet; 0 when `room` is too small.
std::size_t write_segment(const Endpoint& source, const Endpoint& client, const wire::OrderSegment& segment,
                          Bytes payload, MutableBytes room);

class ContentDesk {
 public:
  /// `pool` outlives the desk.
  explicit ContentDesk(ShotPool& pool) : pool_(pool) {}

  void answered(const ContentWish& wish, const http::Response& response);
  /// What else can become of an ask is only counted.
  [[nodiscard]] ContentCounters& counters() { return counters_; }
  [[nodiscard]] const ContentCounters& counters() const { return counters_; }

 private:
  [[nodiscard]] Counter& end_of(const ContentWish& wish, const http::Response& response);

  ShotPool& pool_;  // NOLINT(*-ref-data-members)
  ContentCounters counters_;
};

}  // namespace flagfall::slave
