#include "master/tune_routes.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <nlohmann/json.hpp>

#include "delay/tune_json.hh"

namespace flagfall::master {
namespace {

/// Not Rows::settled(): a row that is not whole is passed over, and counted.
bool old_enough(const delay::Row& row, MonoTime now) {
  return now - row.at >= delay::Rows::kSettling;
}

std::optional<std::uint64_t> number(const std::string* text, int base) {
  std::uint64_t value = 0;
  if (text == nullptr) return value;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value, base);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

}  // namespace

TuneRoutes::TuneRoutes(const Config& config, const DelayControl& delays, const Clock& clock,
                       std::uint64_t instance)
    : config_(config), delays_(delays), clock_(clock), instance_(instance) {
  assert(instance != 0);
  for (const ServiceConfig& service : config.services) {
    std::vector<std::uint16_t> slaves;
    for (const SlaveConfig& slave : service.slaves) {
      if (slaves.size() == delay::NeedsTable::kMostColumns) break;  // the rest is not shown
      const auto at = std::ranges::lower_bound(delays.names(), slave.name);
      slaves.push_back(static_cast<std::uint16_t>(at - delays.names().begin()));
    }
    services_.push_back({slaves, delay::Nearest(slaves), {}, {}});
  }
}

void TuneRoutes::finished(const race::FinishedRace& race) {
  if (race.service < services_.size()) services_[race.service].nearest.add(race);
}

void TuneRoutes::add_to(net::AdminServer& server) {
  server.get("/rows", [this](const net::AdminRequest& request) { return rows(request); });
  server.get("/tune", [this](const net::AdminRequest& request) { return tune(request); });
}

Result<std::size_t> TuneRoutes::find(const net::AdminRequest& request, int& status) const {
  std::vector<std::string> names;
  for (const ServiceConfig& service : config_.services) names.push_back(service.name);
  const std::string there =
      names.empty() ? "none is configured" : fmt::format("there are: {}", fmt::join(names, ", "));
  const std::string* wanted = request.parameter("service");
  if (wanted == nullptr) {
    status = 400;
    return Error{fmt::format("which service? write {}?service=NAME; {}", request.path, there)};
  }
  const auto at = std::ranges::find(names, *wanted);
  if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
  status = 404;
  return Error{fmt::format("no service '{}'; {}", *wanted, there)};
}

delay::RowsHeader TuneRoutes::header(std::size_t service) const {
  const ServiceConfig& config = config_.services[service];
  delay::RowsHeader out;
  out.service = config.name;
  for (const std::uint16_t slave : services_[service].slaves) out.slaves.push_back(delays_.names()[slave]);
  out.delay = delays_.delay(service);
  if (const delay::Follower* follower = delays_.follower(service)) {
    out.on_time = follower->follow().on_time;
    out.nearest = follower->follow().nearest.value_or(0);
  }
  out.late_drops = config.late == wire::LatePolicy::drop;
  const delay::OneWay::Service& seen = delays_.ways().service(service);
  for (const auto& [slave, window] : seen.slaves) out.bound = std::max(out.bound, window->bound());
  const delay::Nearest::Weights weights = services_[service].nearest.weights();
  out.weights = weights.of;
  out.networks = weights.networks;
  out.instance = instance_;
  out.one_in = std::uint64_t{1} << seen.rows.level();
  return out;
}

bool TuneRoutes::fill(const Service& service, const delay::Row& row, std::span<Nanos> needed) {
  bool any = false;
  std::ranges::fill(needed, delay::NeedsTable::kAbsent);
  for (const delay::Need& need : row.all()) {
    const auto at = std::ranges::find(service.slaves, need.slave);
    if (at == service.slaves.end()) continue;
    needed[static_cast<std::size_t>(at - service.slaves.begin())] = need.needed;
    any = true;
  }
  return any;
}

net::AdminReply TuneRoutes::rows(const net::AdminRequest& request) const {
  int status = 200;
  const auto service = find(request, status);
  if (!service) return net::admin_error(status, service.error());
  const delay::Rows& rows = delays_.ways().service(*service).rows;
  const MonoTime now = clock_.mono();
  const std::string* from = request.parameter("after");
  const auto after = from != nullptr && *from == "now" ? std::optional(UINT64_MAX) : number(from, 10);
  const auto instance = number(request.parameter("instance"), 16);
  if (!after || !instance)
    return net::admin_error(400, "after is a number or now, instance a hexadecimal number");

  delay::RowsHeader head = header(*service);
  const std::uint64_t oldest = rows.first_number();
  // Numbers of another process mean nothing here.
  const bool ours = *instance == 0 || *instance == instance_;
  std::uint64_t next = ours ? std::min<std::uint64_t>(*after, oldest + rows.size()) : oldest;
  if (next < oldest) {
    if (*instance == instance_) head.missed = oldest - next;
    next = oldest;
  }
  std::string lines;
  std::array<Nanos, delay::NeedsTable::kMostColumns> needed{};
  const auto columns = std::span(needed).first(head.slaves.size());
  const RealTime real = clock_.real();
  for (std::size_t taken = 0; taken < kMostRows && next - oldest < rows.size(); ++next) {
    const delay::Row& row = rows[next - oldest];
    if (!old_enough(row, now)) break;
    if (!row.whole || !fill(services_[*service], row, columns)) {
      ++head.missed;
      continue;
    }
    delay::write_row(lines, real - (now - row.at), row.race, columns);
    ++taken;
  }
  head.next = next;
  net::AdminReply reply{200, {}, "application/x-ndjson"};
  delay::write_header(reply.body, head);
  reply.body += lines;
  return reply;
}

net::AdminReply TuneRoutes::tune(const net::AdminRequest& request) {
  int status = 200;
  const auto index = find(request, status);
  if (!index) return net::admin_error(status, index.error());
  Service& service = services_[*index];
  const MonoTime now = clock_.mono();
  if (!service.tuned || now - *service.tuned >= kFresh) {
    const delay::RowsHeader head = header(*index);
    delay::NeedsTable table(head.slaves.size());
    const delay::Rows& rows = delays_.ways().service(*index).rows;
    std::array<Nanos, delay::NeedsTable::kMostColumns> needed{};
    const auto columns = std::span(needed).first(head.slaves.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (delay::Rows::settled(rows[i], now) && fill(service, rows[i], columns)) table.add(columns);
    service.tune = delay::tune_json(delay::tune(table, delay::tune_options(head)), head).dump(-1, ' ', true);
    service.tuned = now;
  }
  return {200, service.tune};
}

}  // namespace flagfall::master
