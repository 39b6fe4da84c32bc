#include "master/http_desk.hh"

#include <algorithm>
#include <cassert>
#include <utility>

namespace flagfall::master {
namespace {

/// Octets of all but a Location's changing parts, at most.
constexpr std::size_t kMostFixed = HttpLocation::kMostText + 1024;
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";
constexpr std::string_view kPublic = "Public: OPTIONS, DESCRIBE, ANNOUNCE, SETUP\r\n";
/// Of RTSP, those that begin something; GET_PARAMETER without a session is a sign of life.
constexpr std::array<std::string_view, 5> kRtspMethods = {"DESCRIBE", "ANNOUNCE", "SETUP", "GET_PARAMETER",
                                                          "SET_PARAMETER"};
/// Those that go on with a session, and there is none here.
constexpr std::array<std::string_view, 4> kRtspOfSession = {"PLAY", "PAUSE", "RECORD", "TEARDOWN"};
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

HttpDesk::HttpDesk(const Options& options, Random& random, RaceLog* log, HttpRacer* racer)
    : scheme_(options.scheme),
      guide_({}, random),
      asked_(random),
      unique_(options.unique_names, options.epoch),
      led_(options.services),
      most_(kMostFixed + std::tuple_size_v<HttpSites::HostRoom> + 3 * options.target),
      log_(log),
      racer_(racer) {}

void HttpDesk::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(snapshot->sites_of(scheme_));
  snapshot_ = std::move(snapshot);
}

HttpOpening HttpDesk::opening(const http::Request& request) const {
  if (scheme_ != WebScheme::rtsp) return {.date = date_.text()};
  return {request.rtsp_2 ? "RTSP/2.0" : "RTSP/1.0", request.sequence, date_.text()};
}

void HttpDesk::say(int status, std::string_view fields, std::string_view why, const Frame& frame,
                   ByteWriter& out) noexcept {
  counters_.count(status);
  http::write_text(status, fields, why, frame.ending, frame.opening, out);
}

void HttpDesk::send(const HttpRedirect& redirect, const HttpLocation& location, ByteWriter& out) noexcept {
  counters_.count(static_cast<int>(redirect.status));
  redirect.write(location, out);
}

void HttpDesk::nobody(const HttpSite& site, const Frame& frame, ByteWriter& out) noexcept {
  say(503, site.retry_after, "no server is fit\n", frame, out);
}

void HttpDesk::refuse(int status, ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.refused;
  if (status == 431 && scheme_ == WebScheme::rtsp) status = 400;  // which it does not have
  say(status, {}, "this is no request that can be answered\n", {opening({}), {.close = true}}, out);
}

void HttpDesk::answer(const http::Request& request, const Asker& asker, ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.requests;
  const Frame frame{opening(request), {asker.close, request.minor_0 && !asker.close, request.head}};
  if (scheme_ == WebScheme::rtsp ? by_rtsp_method(request, frame, out) : by_method(request, frame, out))
    return;
  const HttpSites::Found found = snapshot_->sites_of(scheme_)->find(request.host, request.path, host_);
  const bool unique =
      scheme_ != WebScheme::rtsp && unique_.fetched(request.host, asker.client, asker.now, log_);
  if (unique) ++counters_.unique;
  if (found.site == nullptr) {
    if (unique) return say(200, {}, {}, frame, out);
    ++counters_.unknown_host;
    return say(404, {}, "no service holds this host and path\n", frame, out);
  }
  by_director(request, found, asker, frame, out);
}

bool HttpDesk::by_method(const http::Request& request, const Frame& frame, ByteWriter& out) noexcept {
  if (request.form == http::TargetForm::asterisk) {
    say(200, kAllow, {}, frame, out);
  } else if (request.method == "TRACE") {
    say(405, kAllow, "requests are not sent back\n", frame, out);
  } else if (std::ranges::find(kMethods, request.method) == kMethods.end()) {
    say(501, {}, "this method is not known here\n", frame, out);
  } else {
    return false;
  }
  return true;
}

/// Clients ask for OPTIONS first, and some take no redirect for it.
bool HttpDesk::by_rtsp_method(const http::Request& request, const Frame& frame, ByteWriter& out) noexcept {
  if (request.method == "OPTIONS") {
    say(200, kPublic, {}, frame, out);
  } else if (std::ranges::find(kRtspOfSession, request.method) != kRtspOfSession.end()) {
    say(454, {}, "this server has no sessions: ask for a description first\n", frame, out);
  } else if (std::ranges::find(kRtspMethods, request.method) == kRtspMethods.end()) {
    say(501, kPublic, "this method is not known here\n", frame, out);
  } else {
    return false;
  }
  return true;
}

void HttpDesk::by_director(const http::Request& request, const HttpSites::Found& found, const Asker& asker,
                           const Frame& frame, ByteWriter& out) noexcept {
  const HttpSite& site = *found.site;
  const RacedService& service = snapshot_->services[site.service];
  // A service that got its policies while the master runs has its director from the next start on.
  if (!service.view || !service.servers) return nobody(site, frame, out);
  const Guide::Way way = guide_.decide(service, asker.client);
  const bool known = !way.learning && way.wait == Nanos(0);
  if (log_ != nullptr)
    if (const auto queries = asked_.tell(site.service, way.about, known, asker.now, service.counted);
        queries > 0)
      log_->log(NetworkAsked{way.about, site.service, queries});
  const Guide::Line line = guide_.line_up(service, way, site.able, 1);
  const Standing standing = Guide::standing(service, way);
  if (standing == Standing::nobody_fit) ++counters_.nobody_fit;
  const bool simple = request.head || request.method == "GET" || request.method == "DESCRIBE";
  HttpRedirect redirect{.status = simple ? site.status : site.status_other,
                        .values = {name_of(scheme_), found.host, request.path},
                        .ending = frame.ending,
                        .opening = frame.opening};
  if (line.instead && !site.instead.empty())
    return send(redirect, asker.client.family == Family::v4 ? site.instead.front() : site.instead.back(),
                out);
  if (line.servers.empty()) return nobody(site, frame, out);
  const director::ServerIndex server = line.servers.best();
  if (way.race && racer_ != nullptr && racer_->race({site, redirect, request, server, asker.alone})) {
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
