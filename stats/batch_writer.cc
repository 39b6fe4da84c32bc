#include "stats/batch_writer.hh"

#include <algorithm>
#include <optional>

#include "stats/schema.hh"

namespace flagfall::stats {
namespace {

enum Index : std::uint8_t { kRaces, kRunners, kMargins, kCounters };

template <class Counts>
bool run(Statement& statement, const Counts& counts) {
  for (const std::int64_t n : counts.n) statement.bind(n);
  return statement.run();
}

std::optional<std::uint16_t> index_of(const std::vector<std::string>& names, const std::string& name) {
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) return std::nullopt;
  return static_cast<std::uint16_t>(at - names.begin());
}

}  // namespace

std::unique_ptr<BatchWriter> BatchWriter::make(Database& db, const Names& names) {
  std::vector<Statement> upserts;
  for (const CellTable& table : cell_tables()) {
    auto statement = db.prepare(upsert_sql(table));
    if (!statement) return nullptr;
    upserts.push_back(std::move(*statement));
  }
  auto arrival = db.prepare("INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!arrival) return nullptr;
  return std::unique_ptr<BatchWriter>(new BatchWriter(db, names, std::move(upserts), std::move(*arrival)));
}

BatchWriter::BatchWriter(Database& db, const Names& names, std::vector<Statement> upserts, Statement arrival)
    : db_(db), names_(names), upserts_(std::move(upserts)), arrival_(std::move(arrival)) {}

bool BatchWriter::write(const Batch& batch) {
  Transaction transaction(db_);
  return transaction.begun() && write_groups(batch) && write_margins(batch) && write_counters(batch) &&
         write_arrivals(batch) && transaction.commit();
}

bool BatchWriter::write_groups(const Batch& batch) {
  for (const Group& group : batch.groups) {
    const std::string prefix = group.prefix ? to_string(*group.prefix) : std::string(kOther);
    const std::string& service = names_.services.at(group.service);
    Statement& races = upserts_[kRaces];
    races.bind(kSecond).bind(group.time).bind(service).bind(prefix);
    if (!run(races, group.counts)) return false;
    for (const Group::Runner& runner : group.runners) {
      Statement& runners = upserts_[kRunners];
      runners.bind(kSecond).bind(group.time).bind(service).bind(prefix).bind(names_.slaves.at(runner.slave));
      if (!run(runners, runner.counts)) return false;
    }
  }
  return true;
}

bool BatchWriter::write_margins(const Batch& batch) {
  return std::ranges::all_of(batch.margins, [&](const MarginCell& cell) {
    return upserts_[kMargins]
        .bind(kSecond)
        .bind(cell.time)
        .bind(names_.services.at(cell.service))
        .bind(names_.slaves.at(cell.slave))
        .bind(std::int64_t{cell.bucket})
        .bind(cell.count)
        .run();
  });
}

bool BatchWriter::write_counters(const Batch& batch) {
  return std::ranges::all_of(batch.counters, [&](const CounterCell& cell) {
    return upserts_[kCounters].bind(kSecond).bind(cell.time).bind(cell.name).bind(cell.count).run();
  });
}

bool BatchWriter::write_arrivals(const Batch& batch) {
  return std::ranges::all_of(batch.arrivals, [&](const ArrivalRow& row) {
    return arrival_.bind(names_.services.at(row.service))
        .bind(to_string(row.prefix))
        .bind(names_.slaves.at(row.slave))
        .bind(row.offset_ns)
        .bind(row.spread_ns)
        .bind(row.error_ns)
        .bind(row.samples)
        .bind(std::int64_t{row.part})
        .bind(row.updated)
        .run();
  });
}

std::vector<ArrivalRow> read_arrivals(Database& db, const Names& names) {
  std::vector<ArrivalRow> rows;
  auto query = db.prepare(
      "SELECT service, prefix, slave, offset_ns, spread_ns, error_ns, samples, part, updated FROM arrivals "
      "ORDER BY updated DESC LIMIT 65536");
  while (query && query->step()) {
    const auto service = index_of(names.services, query->text(0));
    const auto prefix = parse_prefix(query->text(1));
    const auto slave = index_of(names.slaves, query->text(2));
    if (!service || !prefix || !slave) continue;  // of a configuration that was
    rows.push_back({*service, *prefix, *slave, figure(query->integer(3)), figure(query->integer(4)),
                    figure(query->integer(5)), figure(query->integer(6)),
                    static_cast<std::uint16_t>(query->integer(7)), figure(query->integer(8))});
  }
  return rows;
}

}  // namespace flagfall::stats
