#include "sim/shared_store.hh"

#include <fmt/format.h>

#include <algorithm>

namespace flagfall::sim {
namespace {

/// As redis_store.cc has them.
constexpr std::size_t kBatch = 256;
constexpr std::size_t kPage = 500;
constexpr Nanos kFuture = std::chrono::hours(1);
constexpr Nanos kRemember = std::chrono::hours(24 * 30);

std::string text_of(RealTime time) {
  return fmt::format("{:020}", to_ns(time));
}

}  // namespace

SharedStore::SharedStore(Host& host, const Options& options, Random& random)
    : host_(host),
      options_(options),
      records_(options.master, options.most_known, options.most_waiting, random) {
  host_.after(Nanos(0), [this] { turn(); });
}

RealTime SharedStore::latest() const {
  return host_.real() + kFuture;
}

template <class Work, class Then>
void SharedStore::ask(Work work, Then then) {
  options_.server->ask(host_, connection_, options_.patience, std::move(work),
                       [this, then = std::move(then)](const auto* reply) {
                         if (reply == nullptr) return failed();
                         then(*reply);
                       });
}

void SharedStore::turn() {
  const Next go_on = [this] { write([this] { read_changes([this] { well(); }); }); };
  if (connection_ != 0) return go_on();
  connect([this, go_on] { read_all(go_on); });
}

void SharedStore::failed() {
  ++health_.failures;
  health_.opened = false;
  connection_ = 0;
  tried_ = true;
  host_.after(options_.pause, [this] { turn(); });
}

void SharedStore::well() {
  if (std::exchange(dropped_, false)) lacks_ = true;
  health_.opened = true;
  tried_ = true;
  host_.after(options_.poll, [this] { turn(); });
}

/// TCP's own, a greeting with the password, and two scripts.
void SharedStore::connect(const Next& next) {
  const auto connection = [](RecordsServer& s) { return s.connection(); };
  ask(connection, [this, connection, next](unsigned number) {
    connection_ = number;
    ask(connection, [this, connection, next](unsigned) {
      ask(connection, [this, connection, next](unsigned) { ask(connection, [next](unsigned) { next(); }); });
    });
  });
}

void SharedStore::merge(const std::string& field, const std::string& value) {
  if (!records_.merge(field, value, latest())) ++health_.wrong;
}

void SharedStore::read_all(const Next& next) {
  ask([](RecordsServer& s) { return s.newest(); },
      [this, next](const RecordsServer::Newest& newest) {
        last_ = newest.sequence;
        last_id_ = newest.id;
        records_.begin_scan();
        read_page({}, next);
      });
}

void SharedStore::read_page(const std::string& cursor, const Next& next) {
  ask([cursor](RecordsServer& s) { return s.scan(cursor, kPage); },
      [this, next](const RecordsServer::Page& page) {
        const std::string old = text_of(host_.real() - kRemember);
        std::vector<std::pair<std::string, std::string>> expired;
        for (const auto& [field, value] : page.records) {
          merge(field, value);
          if (value.at(director::kVersionText + 1) == '-' && value.substr(0, old.size()) < old)
            expired.emplace_back(field, value);
        }
        const Next go_on = [this, next, cursor = page.cursor] {
          if (!cursor.empty()) return read_page(cursor, next);
          if (records_.end_scan(host_.real() - kRemember)) lacks_ = true;
          next();
        };
        if (expired.empty()) return go_on();
        const auto forget = [expired](RecordsServer& s) {
          s.forget(expired);
          return true;
        };
        ask(forget, [go_on](bool) { go_on(); });
      });
}

void SharedStore::write(const Next& next) {
  const auto batch = records_.batch(kBatch);
  if (batch.empty()) return next();
  const auto set = [batch, late = text_of(latest())](RecordsServer& s) { return s.write(batch, late); };
  // Not by ask(): what is in flight waits again when there is no reply.
  options_.server->ask(host_, connection_, options_.patience, set,
                       [this, next](const std::vector<std::string>* instead) {
                         if (instead == nullptr) {
                           records_.failed();
                           return failed();
                         }
                         for (std::size_t i = 0; i < instead->size(); ++i)
                           records_.written(i, (*instead)[i], latest());
                         ++health_.transactions;
                         write(next);
                       });
}

void SharedStore::read_changes(const Next& next) {
  ask([after = last_id_](RecordsServer& s) { return s.changes(after, kPage); },
      [this, next](const RecordsServer::Changes& changes) {
        if (!follow(changes)) return read_all(next);
        if (changes.entries.size() == kPage) return read_changes(next);
        next();
      });
}

/// False: some are missing.
bool SharedStore::follow(const RecordsServer::Changes& changes) {
  for (const auto& [id, entry] : changes.entries) {
    if (entry.number != last_ + 1) return false;
    last_ = entry.number;
    last_id_ = id;
    merge(entry.field, entry.value);
  }
  const std::size_t got = changes.entries.size();
  return !((got < kPage && changes.sequence > last_) || (got == 0 && changes.sequence < last_));
}

void SharedStore::offer(director::StoredChanges& changes) {
  const auto old = [this](const auto& one) {
    if (!sound(one)) {
      ++health_.wrong;
      ++health_.not_kept;
      return true;
    }
    const auto put = records_.put(one);
    if (put == director::SharedRecords::Put::no_room) {
      ++health_.not_kept;
      dropped_ = true;
    }
    return put == director::SharedRecords::Put::older;
  };
  std::erase_if(changes.bindings, old);
  std::erase_if(changes.drains, old);
}

store::Health SharedStore::health() const {
  store::Health out = health_;
  out.kept = records_.settled();
  out.waiting = records_.waiting();
  return out;
}

}  // namespace flagfall::sim
