// The Redis server by which masters share their directors' records, and the round
// trips to it: what the commands and scripts of director/store/redis_store.cc do
// there, each in one moment. It may be away, stand still, restart, and lose what it had.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/host.hh"

namespace flagfall::sim {

class RecordsServer final : public Receiver {
 public:
  struct Entry {
    std::int64_t number = 0;
    std::string field, value;
  };
  using Id = std::uint64_t;  // of a place in the stream; greater ones come later, whatever was lost
  struct Newest {
    std::int64_t sequence = 0;
    Id id = 0;
  };
  struct Page {
    std::vector<std::pair<std::string, std::string>> records;
    std::string cursor;  // empty: that was all
  };
  struct Changes {
    std::int64_t sequence = 0;
    std::vector<std::pair<Id, Entry>> entries;
  };
  /// What is left of it after a restart: all, what it had saved last, nothing.
  enum class Left : std::uint8_t { all, saved, nothing };

  /// `stream`: the changes that it keeps at most. `troubled`: something of a conversation was lost or late,
  /// or will be until then. The server draws nothing but by the network.
  RecordsServer(World& world, HostId id, SiteId site, std::size_t stream,
                std::function<void(RefTime)> troubled);

  // ---- the commands
  [[nodiscard]] Newest newest() const;
  [[nodiscard]] Page scan(const std::string& cursor, std::size_t count) const;
  [[nodiscard]] Changes changes(Id after, std::size_t count) const;
  /// Sets those that are newer than what is there; of each nothing, or what is there instead.
  std::vector<std::string> write(const std::vector<std::pair<std::string, std::string>>& records,
                                 const std::string& latest);
  /// Removes those that are still like this.
  void forget(const std::vector<std::pair<std::string, std::string>>& records);

  // ---- the way to them
  /// One command and its reply: `work(server)` here, a round trip later `then(its result)` in the process
  /// that asked, or `then(nullopt)` when `patience` is over or the connection is not there any more.
  /// `connection`: as connect() has told it; 0: none yet.
  template <class Work, class Then>
  void ask(Host& from, unsigned connection, Nanos patience, Work work, Then then);
  /// A connection that is made now.
  [[nodiscard]] unsigned connection() const { return life_; }

  // ---- what befalls it
  void restart(Nanos down, Left left);
  /// The machine, or the way to it, is gone for everybody.
  void away(Nanos how_long);
  void stand_still(Nanos how_long);
  /// Without a restart everything is gone (FLUSHALL), or the stream (XTRIM).
  void flush();
  void trim();
  /// What a restart with Left::saved finds is what there is now.
  void save() { saved_ = content_; }

  [[nodiscard]] SiteId site() const { return site_; }

  // Receiver: for the network it is there or not.
  [[nodiscard]] bool listens(const Endpoint& /*at*/) const override { return false; }
  void receive(const Packet& /*packet*/) override {}
  [[nodiscard]] bool up() const override { return world_.now() >= away_until_; }

 private:
  struct Content {
    std::map<std::string, std::string> records;
    std::deque<std::pair<Id, Entry>> stream;
    std::int64_t sequence = 0;
  };
  using Step = std::function<void()>;
  /// Linux's least (TCP_RTO_MIN).
  static constexpr Nanos kLeastTimeout = std::chrono::milliseconds(200);
  /// Octets of one command are on their way, and tried again while they are lost.
  void carry(HostId from, HostId to, Nanos timeout, Step arrived);
  /// When this process comes to it; never for what came to a process that is gone.
  void serve(Step step);
  template <class Result>
  struct Asked {
    Host& host;  // NOLINT(*-ref-data-members)
    unsigned life = 0;
    std::function<void(const Result*)> then;
    bool over = false;
    [[nodiscard]] bool there() const { return host.running() && host.life() == life; }
    void end(const Result* result) {
      if (!std::exchange(over, true) && there()) then(result);
    }
  };

  World& world_;  // NOLINT(*-ref-data-members)
  HostId id_;
  SiteId site_;
  std::size_t most_in_stream_;
  std::function<void(RefTime)> troubled_;
  Content content_, saved_;
  Id next_id_ = 1;
  unsigned life_ = 1;
  RefTime away_until_, down_until_, still_until_;
};

template <class Work, class Then>
void RecordsServer::ask(Host& from, unsigned connection, Nanos patience, Work work, Then then) {
  using Result = decltype(work(*this));
  const auto asked = std::make_shared<Asked<Result>>(
      Asked<Result>{.host = from, .life = from.life(), .then = std::move(then)});
  from.after(patience, [asked] { asked->end(nullptr); });
  const auto reply = [this, asked](std::shared_ptr<const Result> result) {
    carry(id_, asked->host.id(), kLeastTimeout, [asked, result = std::move(result)] {
      if (asked->there()) asked->host.after(Nanos(0), [asked, result] { asked->end(result.get()); });
    });
  };
  carry(from.id(), id_, kLeastTimeout, [this, connection, work = std::move(work), reply] {
    const bool known = connection == 0 || connection == life_;
    if (world_.now() < down_until_ || !known) return reply(nullptr);  // refused, or reset
    serve([this, work, reply] { reply(std::make_shared<const Result>(work(*this))); });
  });
}

}  // namespace flagfall::sim
