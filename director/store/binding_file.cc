#include "director/store/binding_file.hh"

#include <algorithm>
#include <limits>
#include <utility>

namespace flagfall::director {
namespace {

using store::Database;
using store::Statement;

constexpr auto kTables =
    "CREATE TABLE bindings (service TEXT NOT NULL, prefix TEXT NOT NULL, by_hand INTEGER NOT NULL, "
    "servers TEXT NOT NULL, equal INTEGER NOT NULL, cause TEXT NOT NULL, kind TEXT NOT NULL, "
    "agreeing INTEGER NOT NULL, pieces INTEGER NOT NULL, advantage REAL NOT NULL, since_ns INTEGER NOT NULL, "
    "renewed_ns INTEGER NOT NULL, PRIMARY KEY (service, prefix, by_hand)) WITHOUT ROWID;"
    "CREATE TABLE drains (server TEXT NOT NULL PRIMARY KEY, by TEXT NOT NULL, since_ns INTEGER NOT NULL) "
    "WITHOUT ROWID;";

enum Index : std::uint8_t { kSet, kErase, kDrain, kUndrain };
constexpr std::array<const char*, 4> kSql{
    "INSERT OR REPLACE INTO bindings (service, prefix, by_hand, servers, equal, cause, kind, agreeing, "
    "pieces, "
    "advantage, since_ns, renewed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "DELETE FROM bindings WHERE service = ? AND prefix = ? AND by_hand = ?",
    "INSERT OR REPLACE INTO drains (server, by, since_ns) VALUES (?, ?, ?)",
    "DELETE FROM drains WHERE server = ?"};

bool to_figure(std::int64_t n, std::uint16_t& out) {
  out = static_cast<std::uint16_t>(n);
  return n >= 0 && n <= std::numeric_limits<std::uint16_t>::max();
}

bool read(const Statement& row, StoredBinding& out) {
  const auto prefix = parse_prefix(row.view(1));
  const std::int64_t equal = row.integer(4);
  out.service = row.text(0);
  out.renewed = from_ns<RealTime>(row.integer(11));
  out.since = from_ns<RealTime>(row.integer(10));
  out.advantage = row.real(9);
  if (!prefix || equal < 1 || equal > static_cast<std::int64_t>(Order::kMost)) return false;
  out.prefix = *prefix;
  out.group = static_cast<unsigned>(equal);
  return split_names(row.view(3), out.servers) && parse_cause(row.view(5), out.cause) &&
         parse_kind(row.view(6), out.kind) && to_figure(row.integer(7), out.agreeing) &&
         to_figure(row.integer(8), out.pieces) && out.by_hand() == (row.integer(2) != 0);
}

}  // namespace

const store::FileFormat& binding_file_format() {
  static const store::FileFormat format{0x66666469 /* "ffdi" */, 1, kTables, {}, "director.store.database"};
  return format;
}

std::unique_ptr<BindingWriter> BindingWriter::make(Database& db) {
  std::vector<Statement> statements;
  for (const char* sql : kSql) {
    auto statement = db.prepare(sql);
    if (!statement) return nullptr;
    statements.push_back(std::move(*statement));
  }
  return std::unique_ptr<BindingWriter>(new BindingWriter(db, std::move(statements)));
}

bool BindingWriter::write(const StoredChanges& changes) {
  store::Transaction transaction(db_);
  return transaction.begun() &&
         std::ranges::all_of(changes.drains, [&](const auto& drain) { return write(drain); }) &&
         std::ranges::all_of(changes.bindings, [&](const auto& change) { return write(change); }) &&
         transaction.commit();
}

bool BindingWriter::write(const StoredChange& change) {
  const StoredBinding& b = change.binding;
  Statement& statement = statements_[change.gone ? kErase : kSet];
  statement.bind(b.service).bind(to_string(b.prefix)).bind(std::int64_t{b.by_hand() ? 1 : 0});
  if (change.gone) return statement.run();
  return statement.bind(join_names(b.servers))
      .bind(std::int64_t{b.group})
      .bind(kCauseNames.at(static_cast<std::size_t>(b.cause)))
      .bind(kKindNames.at(static_cast<std::size_t>(b.kind)))
      .bind(std::int64_t{b.agreeing})
      .bind(std::int64_t{b.pieces})
      .bind(b.advantage)
      .bind(to_ns(b.since))
      .bind(to_ns(b.renewed))
      .run();
}

bool BindingWriter::write(const StoredDrain& drain) {
  if (drain.gone) return statements_[kUndrain].bind(drain.server).run();
  return statements_[kDrain].bind(drain.server).bind(drain.by).bind(to_ns(drain.since)).run();
}

BindingReader::BindingReader(Database& db)
    : drains_(db.prepare("SELECT server, by, since_ns FROM drains")),
      bindings_(db.prepare("SELECT service, prefix, by_hand, servers, equal, cause, kind, agreeing, pieces, "
                           "advantage, since_ns, renewed_ns FROM bindings")),
      ok_(drains_ && bindings_) {}

StoredChanges BindingReader::next(std::size_t most) {
  StoredChanges out;
  while (ok_ && drains_ && out.size() < most) read_drain(out);
  while (ok_ && !drains_ && bindings_ && out.size() < most) read_binding(out);
  return out;
}

void BindingReader::read_drain(StoredChanges& out) {
  if (!drains_->step()) {
    ok_ = drains_->ok();
    drains_.reset();
    return;
  }
  StoredDrain drain{drains_->text(0), drains_->text(1), from_ns<RealTime>(drains_->integer(2))};
  if (sound(drain)) {
    out.drains.push_back(std::move(drain));
  } else {
    ++wrong_;
  }
}

void BindingReader::read_binding(StoredChanges& out) {
  if (!bindings_->step()) {
    ok_ = bindings_->ok();
    bindings_.reset();
    return;
  }
  StoredChange change;
  if (read(*bindings_, change.binding) && sound(change)) {
    out.bindings.push_back(std::move(change));
  } else {
    ++wrong_;
  }
}

}  // namespace flagfall::director
