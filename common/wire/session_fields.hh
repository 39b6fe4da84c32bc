// Each message's fields once, for both directions: `Io` is the encoder or the
// decoder of session.cc, `m` a const or a mutable message. docs/protocol.md §3 is
// this file in words. Not for use outside session.cc.
#pragma once

#include <concepts>

#include "common/base/ip.hh"
#include "common/wire/limits.hh"
#include "common/wire/session.hh"

namespace flagfall::wire::fields {

inline constexpr Nanos kHour = std::chrono::hours(1);
inline constexpr Nanos kSecond = std::chrono::seconds(1);
inline constexpr std::uint32_t kMaxTtl = 0x7fffffff;  // RFC 2181 §8
/// A name of 255 octets in text, should every one of them need an escape (\DDD).
inline constexpr std::size_t kMaxNameText = 1020;

template <class Io, class T>
void time(Io& io, T& t) {
  io.scaled(t, 0, kMaxTime);
}
template <class Io, class T>
void bound(Io& io, T& d) {
  io.scaled(d, 0, kMaxBound);
}
template <class Io, class T>
void difference(Io& io, T& d) {
  io.scaled(d, -kMaxTime, kMaxTime);
}
template <class Io, class T>
void clock(Io& io, T& status) {
  io.choice(status, ClockStatus::free_running);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Hello>
void all(Io& io, M& m) {
  io.integer(m.version);
  if (m.version != kSessionVersion) return io.ignore_rest();
  io.integer(m.instance);
  io.integer(m.order_port);
  io.note(m.software, 255);
  io.flag(m.front);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, TimeServer>
void all(Io& io, M& m) {
  io.address(m.address.ip);
  io.integer(m.address.port);
  io.require(m.address.port != 0);
  io.integer(m.key_id);
  io.octets(m.key, 32);
  io.require(m.key.empty() || m.key.size() == 16 || m.key.size() == 32);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Spread>
void all(Io& io, M& m) {
  io.integer(m.count);
  bound(io, m.p50);
  bound(io, m.p90);
  bound(io, m.p99);
  bound(io, m.most);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Welcome>
void all(Io& io, M& m) {
  io.integer(m.version);
  if (m.version != kSessionVersion) return io.ignore_rest();
  io.integer(m.session);
  io.scaled(m.heartbeat, kLeastHeartbeat.count(), kMostHeartbeat.count());
  io.text(m.slave, 255);
  io.list(m.time_servers, kMaxTimeServers, [&](auto& server) { all(io, server); });
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Refusal>
void all(Io& io, M& m) {
  io.note(m.reason, 1024);
  io.scaled(m.retry_after, 0, kHour.count());
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, WebSite>
void all(Io& io, M& m) {
  io.text(m.host, 255);
  io.text(m.path, kMaxLocation);
  io.integer(m.strip);
  io.require(m.strip <= m.path.size());
  io.text(m.stands_for, 255);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Service>
void all(Io& io, M& m) {
  io.text(m.name, 255);
  io.list(m.addresses, kMaxAddresses, [&](auto& endpoint) {
    io.address(endpoint.ip);
    io.integer(endpoint.port);
  });
  io.list(m.answers, kMaxAnswers, [&](auto& ip) { io.address(ip); });
  io.integer(m.ttl);
  io.require(m.ttl <= kMaxTtl);
  io.choice(m.late, LatePolicy::drop);
  io.octets(m.nsid, 255);
  io.text(m.zone, kMaxNameText);
  io.list(m.nameservers, kMaxNames, [&](auto& name) { io.text(name, kMaxNameText); });
  io.list(m.names, kMaxNames, [&](auto& name) { io.text(name, kMaxNameText); });
  io.list(m.sites, kMaxWebSites, [&](auto& site) { all(io, site); });
  io.choice(m.kind, ServiceKind::datagrams);
  io.integer(m.most_answer);
  io.integer(m.amplification);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Services>
void all(Io& io, M& m) {
  time(io, m.since);
  io.list(m.services, kMaxServices, [&](auto& service) { all(io, service); });
  io.text(m.nameserver, kMaxNameText);
  io.text(m.beacon_zone, kMaxNameText);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Ready>
void all(Io& io, M& m) {
  io.list(m.addresses, kMaxServices, [&](auto& bits) { io.integer(bits); });
  io.flag(m.beacons);
  io.flag(m.again);
  io.list(m.lacks, kMaxServices, [&](auto& lack) { io.choice(lack, Lack::down); });
  io.require(m.lacks.empty() || m.lacks.size() == m.addresses.size());
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Heartbeat>
void all(Io& io, M& m) {
  time(io, m.sent);
  time(io, m.echo);
  io.scaled(m.held, 0, kHour.count());
  clock(io, m.clock);
  bound(io, m.bound);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Report>
void all(Io& io, M& m) {
  io.flag(m.racing);
  io.note(m.why_not, 255);
  clock(io, m.clock);
  difference(io, m.correction);
  bound(io, m.own_bound);
  bound(io, m.bound);
  bound(io, m.expected);
  io.scaled(m.drift, -kSecond.count(), kSecond.count());
  bound(io, m.age);
  io.note(m.provider, 64);
  all(io, m.own_bounds);
  all(io, m.expected_errors);
  all(io, m.transmit_errors);
  io.list(m.counters, kMaxCounters, [&](auto& counter) {
    io.text(counter.first, 64);
    io.integer(counter.second);
  });
  io.list(m.outcomes, kMaxOutcomes, [&](auto& outcome) {
    io.integer(outcome.race);
    io.choice(outcome.fate, RaceOutcome::Fate::withheld);
    difference(io, outcome.one_way);
    difference(io, outcome.transmit_error);
  });
  io.list(m.beacon_wins, kMaxBeaconWins, [&](auto& win) {
    io.integer(win.race);
    bound(io, win.after);
    io.flag(win.same_address);
  });
}

template <class Io, class T>
void amount(Io& io, T& n) {
  io.integer(n);
  io.require(n <= kMaxAmount);
}
template <class Io, class T>
void share(Io& io, T& n) {
  io.integer(n);
  io.require(n <= kWhole);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, PingOrder>
void all(Io& io, M& m) {
  io.scaled(m.within, kLeastPingWait.count(), kMostPingWait.count());
  io.list(m.addresses, kMaxPings, [&](auto& ip) { io.address(ip); });
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, PingResult>
void all(Io& io, M& m) {
  io.address(m.address);
  io.choice(m.fate, PingResult::Fate::refused);
  io.scaled(m.round_trip, 0, kMostRoundTrip.count());
  io.require((m.fate == PingResult::Fate::answered) == (m.round_trip > Nanos(0)));
  io.scaled(m.age, 0, kHour.count());
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, TcpPath>
void all(Io& io, M& m) {
  io.address(m.client.ip);
  io.integer(m.client.length);
  const bool v4 = m.client.ip.family == Family::v4;
  io.require(m.client.length >= (v4 ? 8 : 16) && m.client.length <= (v4 ? 32 : 128));
  io.require(masked(m.client.ip, m.client.length) == m.client.ip);
  io.scaled(m.smoothed, 1, kMostRoundTrip.count());
  io.scaled(m.least, 1, kMostRoundTrip.count());
  io.require(m.least <= m.smoothed);
  amount(io, m.rate);
  share(io, m.retransmitted);
  io.integer(m.connections);
  io.require(m.connections > 0);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Load>
void all(Io& io, M& m) {
  io.text(m.name, 64);
  io.maybe(m.connections, [&](auto& n) { amount(io, n); });
  io.maybe(m.free_memory, [&](auto& n) { amount(io, n); });
  io.maybe(m.free_swap, [&](auto& n) { amount(io, n); });
  io.maybe(m.idle_cpu, [&](auto& n) { share(io, n); });
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Check>
void all(Io& io, M& m) {
  io.text(m.name, 64);
  io.maybe(m.answer, [&](auto& ip) { io.address(ip); });
  io.choice(m.state, Health::down);
  bound(io, m.since);
  io.note(m.why, 128);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, Evidence>
void all(Io& io, M& m) {
  io.list(m.pings, kMaxPings, [&](auto& ping) { all(io, ping); });
  io.list(m.paths, kMaxPaths, [&](auto& path) { all(io, path); });
  io.list(m.loads, kMaxLoads, [&](auto& load) { all(io, load); });
  io.list(m.checks, kMaxChecks, [&](auto& check) { all(io, check); });
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, HomeQuestion>
void all(Io& io, M& m) {
  io.integer(m.number);
  io.text(m.service, 255);
  io.address(m.client);
}

template <class Io, class M>
requires std::same_as<std::remove_const_t<M>, HomeAnswer>
void all(Io& io, M& m) {
  io.integer(m.number);
  io.choice(m.home, HomeAnswer::Home::elsewhere);
  io.integer(m.length);
  io.require(m.length <= 128);
  io.scaled(m.keep, 0, kHour.count());
  io.text(m.location, kMaxLocation);
  io.require((m.home == HomeAnswer::Home::elsewhere) != m.location.empty());
}

}  // namespace flagfall::wire::fields
