// A cluster book and a clock for tests, with few words for much evidence.
#pragma once

#include <string>
#include <vector>

#include "director/cluster_book.hh"

namespace flagfall::director {

inline IpAddress ip(const std::string& text) {
  return *parse_ip(text);
}
inline Prefix prefix(const std::string& text) {
  return *parse_prefix(text);
}

struct BookFixture {
  static constexpr ServerIndex kA = 0, kB = 1, kC = 2;
  SeededRandom random{5};
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  BookOptions options;
  ClusterBook book{options, 3, random};

  /// `winner` before the other two.
  static Win won(const std::string& client, ServerIndex winner) {
    Win out;
    out.client = ip(client);
    out.winner = winner;
    out.losers = 0b111 & ~bit(winner);
    out.certainty = race::Certainty::certain;
    out.margin = std::chrono::milliseconds(12);
    return out;
  }
  void wins(ClusterBook& to, const std::string& client, ServerIndex winner, int times = 1) {
    for (int i = 0; i < times; ++i) {
      now += std::chrono::seconds(1);
      to.win(won(client, winner), now);
    }
  }
  void wins(const std::string& client, ServerIndex winner, int times = 1) {
    wins(book, client, winner, times);
  }
  /// `winner` before `loser`; the third one did not run.
  void of_two(const std::string& client, ServerIndex winner, ServerIndex loser) {
    Win w = won(client, winner);
    w.losers = bit(loser);
    now += std::chrono::seconds(1);
    book.win(w, now);
  }
  void figures(ClusterBook& to, Kind kind, const std::string& about, const std::vector<double>& by_server) {
    now += std::chrono::seconds(1);
    ServerIndex server = 0;
    for (const double value : by_server) {
      Measure m{kind, prefix(about), server++, value, value == 0};
      to.measure(m, now);
    }
  }
  static Binding at(const ClusterBook& in, const std::string& address) {
    Binding out;
    in.find(ip(address), out);
    return out;
  }
  [[nodiscard]] Binding at(const std::string& address) const { return at(book, address); }
  /// The first server, or -1 while learning.
  static int server(const ClusterBook& in, const std::string& address) {
    const Binding found = at(in, address);
    return found.order.empty() ? -1 : found.order.best();
  }
  [[nodiscard]] int server(const std::string& address) const { return server(book, address); }
};

}  // namespace flagfall::director
