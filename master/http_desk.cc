#include "master/http_desk.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace flagfall::master {
namespace {

/// Octets of all but a Location's changing parts, at most.
constexpr std::size_t kMostFixed = HttpLocation::kMostText + 1024;
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";
constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",    "POST", "PUT",
                                                      "DELETE", "OPTIONS", "PATCH"};

std::size_t index_of(int status) {
  const auto* const at = std::ranges::find(kHttpStatuses, status);
  return static_cast<std::size_t>(std::min(at, kHttpStatuses.end() - 1) - kHttpStatuses.begin());
}

}  // namespace

std::uint64_t HttpCounters::answers(int status) const {
  return by_status.at(index_of(status)).get();
}
void HttpCounters::count(int status) {
  ++by_status.at(index_of(status));
}

HttpDesk::HttpDesk(std::size_t services, const http::RequestLimits& limits, Random& random, RaceLog* log,
                   HttpRacer* racer)
    : guide_({}, random),
      asked_(random),
      led_(services),
      most_(kMostFixed + std::tuple_size_v<HttpSites::HostRoom> + 3 * limits.target),
      log_(log),
      racer_(racer) {}

void HttpDesk::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(snapshot->http);
  snapshot_ = std::move(snapshot);
}

void HttpDesk::set_date(RealTime now) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = to_timespec(now.time_since_epoch()).tv_sec;
  std::tm t{};
  if (gmtime_r(&seconds, &t) == nullptr) return;
  const auto done = fmt::format_to_n(
      date_.data(), date_.size(), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
      kDays.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
      kMonths.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  date_size_ = done.size <= date_.size() ? done.size : 0;
}

void HttpDesk::say(int status, std::string_view fields, std::string_view why, const HttpEnding& ending,
                   ByteWriter& out) noexcept {
  counters_.count(status);
  begin_answer(status, date(), out);
  put(out, fields);
  if (!why.empty()) put(out, "Content-Type: text/plain\r\n");
  put(out, "Cache-Control: no-store\r\nContent-Length: ");
  put(out, why.size());
  put(out, last_fields(ending));
  if (!ending.head) put(out, why);
}

void HttpDesk::send(const HttpRedirect& redirect, const HttpLocation& location, ByteWriter& out) noexcept {
  counters_.count(static_cast<int>(redirect.status));
  redirect.write(location, out);
}

void HttpDesk::nobody(const HttpSite& site, const HttpEnding& ending, ByteWriter& out) noexcept {
  say(503, site.retry_after, "no server is fit\n", ending, out);
}

void HttpDesk::refuse(int status, ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.refused;
  say(status, {}, "this is no request that can be answered\n", {.close = true}, out);
}

void HttpDesk::answer(const http::Request& request, const Asker& asker, ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.requests;
  const HttpEnding ending{asker.close, request.minor_0 && !asker.close, request.head};
  if (request.form == http::TargetForm::asterisk) return say(200, kAllow, {}, ending, out);
  if (std::ranges::find(kMethods, request.method) == kMethods.end()) {
    if (request.method == "TRACE") return say(405, kAllow, "requests are not sent back\n", ending, out);
    return say(501, {}, "this method is not known here\n", ending, out);
  }
  const HttpSites::Found found = snapshot_->http->find(request.host, request.path, host_);
  if (found.site == nullptr) {
    ++counters_.unknown_host;
    return say(404, {}, "no service holds this host and path\n", ending, out);
  }
  by_director(request, found, asker, ending, out);
}

void HttpDesk::by_director(const http::Request& request, const HttpSites::Found& found, const Asker& asker,
                           const HttpEnding& ending, ByteWriter& out) noexcept {
  const HttpSite& site = *found.site;
  const RacedService& service = snapshot_->services[site.service];
  // A service that got its policies while the master runs has its director from the next start on.
  if (!service.view || !service.servers) return nobody(site, ending, out);
  const Guide::Way way = guide_.decide(service, asker.client);
  const bool known = !way.learning && way.wait == Nanos(0);
  if (log_ != nullptr)
    if (const auto queries = asked_.tell(site.service, way.about, known, asker.now, service.counted);
        queries > 0)
      log_->log(NetworkAsked{way.about, site.service, queries});
  const Guide::Line line = guide_.line_up(service, way, site.able, 1);
  const Standing standing = Guide::standing(service, way);
  if (standing == Standing::nobody_fit) ++counters_.nobody_fit;
  const bool simple = request.head || request.method == "GET";
  HttpRedirect redirect{.status = simple ? site.status : site.status_other,
                        .values = {"http", found.host, request.path},
                        .ending = ending,
                        .date = date()};
  if (line.instead && !site.instead.empty())
    return send(redirect, asker.client.family == Family::v4 ? site.instead.front() : site.instead.back(),
                out);
  if (line.servers.empty()) return nobody(site, ending, out);
  const director::ServerIndex server = line.servers.best();
  if (way.race && racer_ != nullptr && racer_->race({site, redirect, server, asker.alone})) {
    ++counters_.raced;
    return counters_.count(static_cast<int>(redirect.status));
  }
  if (standing == Standing::bound) ++counters_.bound;
  if (standing == Standing::learning) ++counters_.learning;
  if (site.service < led_.size()) ++led_[site.service].at(server);
  if (simple && known && standing == Standing::bound) redirect.max_age = site.max_age;
  send(redirect, *site.locations[server], out);
}

}  // namespace flagfall::master
