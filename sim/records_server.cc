#include "sim/records_server.hh"

#include <algorithm>

namespace flagfall::sim {
namespace {

constexpr std::size_t kVersion = 37, kTime = 20;
/// Of a command or a reply, about.
constexpr std::size_t kOctets = 300;
/// A kernel gives up what it cannot bring to the other end.
constexpr Nanos kMostTimeout = std::chrono::seconds(7);

/// As the script has it: "^(%d+ %x+) ", 37 octets of it.
bool has_version(const std::string& value) {
  return value.size() > kVersion && value[kTime] == ' ' && value[kVersion] == ' ';
}

}  // namespace

RecordsServer::RecordsServer(World& world, HostId id, SiteId site, std::size_t stream,
                             std::function<void(RefTime)> troubled)
    : world_(world), id_(id), site_(site), most_in_stream_(stream), troubled_(std::move(troubled)) {
  world.network.attach(id, site, *this);
}

RecordsServer::Newest RecordsServer::newest() const {
  return {content_.sequence, content_.stream.empty() ? 0 : content_.stream.back().first};
}

RecordsServer::Page RecordsServer::scan(const std::string& cursor, std::size_t count) const {
  Page out;
  for (auto at = content_.records.upper_bound(cursor); at != content_.records.end(); ++at) {
    if (out.records.size() == count) {
      out.cursor = out.records.back().first;
      break;
    }
    out.records.emplace_back(*at);
  }
  return out;
}

RecordsServer::Changes RecordsServer::changes(Id after, std::size_t count) const {
  Changes out;
  out.sequence = content_.sequence;
  for (const auto& one : content_.stream)
    if (one.first > after && out.entries.size() < count) out.entries.push_back(one);
  return out;
}

std::vector<std::string> RecordsServer::write(const std::vector<std::pair<std::string, std::string>>& records,
                                              const std::string& latest) {
  std::vector<std::string> out;
  for (const auto& [field, value] : records) {
    const auto old = content_.records.find(field);
    if (old != content_.records.end() && has_version(old->second) &&
        old->second.compare(0, kTime, latest) <= 0 &&
        old->second.compare(0, kVersion, value, 0, kVersion) >= 0) {
      out.push_back(old->second);
      continue;
    }
    content_.records.insert_or_assign(field, value);
    content_.stream.emplace_back(next_id_++, Entry{++content_.sequence, field, value});
    if (content_.stream.size() > most_in_stream_) content_.stream.pop_front();
    world_.trace.line(world_.now(), "records: {} = {}", field, value);
    out.emplace_back();
  }
  return out;
}

void RecordsServer::forget(const std::vector<std::pair<std::string, std::string>>& records) {
  for (const auto& [field, value] : records)
    if (const auto at = content_.records.find(field); at != content_.records.end() && at->second == value)
      content_.records.erase(at);
}

void RecordsServer::carry(HostId from, HostId to, Nanos timeout, Step arrived) {
  if (const auto takes = world_.network.segment(from, to, kOctets)) {
    if (*takes > kLeastTimeout) troubled_(world_.now() + *takes);
    return world_.queue.after(*takes, std::move(arrived));
  }
  troubled_(world_.now() + timeout);
  if (timeout > kMostTimeout || !world_.network.receiver(from).up()) return;
  world_.queue.after(timeout, [this, from, to, timeout, arrived = std::move(arrived)] {
    carry(from, to, timeout * 2, arrived);
  });
}

void RecordsServer::serve(Step step) {
  if (world_.now() >= still_until_) return step();
  world_.queue.at(still_until_, [this, life = life_, step = std::move(step)] {
    if (life == life_) serve(step);
  });
}

void RecordsServer::restart(Nanos down, Left left) {
  world_.trace.line(world_.now(), "records: restarts, away for {} ms, {} is left", down.count() / 1'000'000,
                    left == Left::all     ? "all"
                    : left == Left::saved ? "what was saved"
                                          : "nothing");
  ++life_;
  down_until_ = std::max(down_until_, world_.now() + down);
  still_until_ = std::min(still_until_, world_.now());
  if (left == Left::saved) content_ = saved_;
  if (left == Left::nothing) content_ = {};
  troubled_(down_until_);
}

void RecordsServer::away(Nanos how_long) {
  world_.trace.line(world_.now(), "records: away for {} ms", how_long.count() / 1'000'000);
  away_until_ = std::max(away_until_, world_.now() + how_long);
  troubled_(away_until_);
}

void RecordsServer::stand_still(Nanos how_long) {
  world_.trace.line(world_.now(), "records: stands still for {} ms", how_long.count() / 1'000'000);
  still_until_ = std::max(still_until_, world_.now() + how_long);
  troubled_(still_until_);
}

void RecordsServer::flush() {
  world_.trace.line(world_.now(), "records: everything is deleted");
  content_ = {};
  troubled_(world_.now());
}

void RecordsServer::trim() {
  world_.trace.line(world_.now(), "records: the stream is deleted");
  content_.stream.clear();
  troubled_(world_.now());
}

}  // namespace flagfall::sim
