#include "slave/front_desk.hh"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "common/http/authority.hh"

namespace flagfall::slave {
namespace {

/// A question without an answer for so long is forgotten, and its client's network may be asked about again.
constexpr Nanos kForget = std::chrono::seconds(5);
/// An answer counts for those who wait for it, however short it says that it holds.
constexpr Nanos kLeastKeep = std::chrono::milliseconds(100);

/// Browsers follow no redirect of a WebSocket's handshake, nor of a preflight (Fetch §4.8): OPTIONS.
bool movable(const http::Request& request) {
  constexpr std::array kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  return !request.upgrade && std::ranges::find(kMethods, request.method) != kMethods.end();
}

std::string_view port_or(std::string_view port, std::string_view usual) {
  return port.empty() ? usual : port;
}

bool same_host(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(bare(a), bare(b), {}, lower, lower);
}

}  // namespace

FrontDesk::FrontDesk(const Options& options, Random& random)
    : options_(options),
      cache_(kNetworks, random),
      away_(options.stay, kAway, random),
      bucket_({options.questions, options.questions}),
      scratch_(http::Location::kMostText + std::tuple_size_v<http::HostTable::Room> + 3 * options.target) {}

void FrontDesk::use(std::shared_ptr<const FrontSites> sites) {
  sites_ = std::move(sites);
  cache_.clear();
  locations_.clear();
  pending_ = {};  // numbers of services that may be others now
}

void FrontDesk::session(std::size_t master, bool there) {
  if (master >= FrontSites::kMostMasters) return;
  const std::uint64_t bit = std::uint64_t{1} << master;
  sessions_ = there ? sessions_ | bit : sessions_ & ~bit;
  for (Pending& each : pending_)
    if (each.master == master) each.used = false;
}

FrontDesk::Look FrontDesk::serve(Counter& why) {
  ++why;
  return {Do::serve};
}

std::optional<std::size_t> FrontDesk::master_of(const FrontSite& site) const {
  const std::uint64_t there = site.masters & sessions_;
  if (there == 0) return std::nullopt;
  return static_cast<std::size_t>(std::countr_zero(there));
}

FrontDesk::Look FrontDesk::look(const http::Request& request, const IpAddress& client, MonoTime now,
                                bool waited, ByteWriter& out) noexcept {
  assert(out.left() >= most());
  if (!waited) ++counters_.requests;
  const bool page = request.form == http::TargetForm::origin || request.form == http::TargetForm::absolute;
  const auto found = sites_ && page ? sites_->find(request.host, request.path, room_) : std::nullopt;
  if (!found) return serve(counters_.unknown_host);
  if (!movable(request)) return serve(counters_.unmovable);
  const FrontSite& site = *found->site;
  // What a master said before it went may be wrong by now, and nobody would say so.
  if (!master_of(site)) return serve(counters_.no_session);
  const HomeCache::Home* const home = cache_.find(site.id, client, now);
  if (home == nullptr) return waited ? serve(counters_.unanswered) : ask(site, client, now);
  if (!home->elsewhere) return serve(counters_.here);
  const std::uint64_t key = away_.key(client, site.id, found->path);
  if (away_.lately(key, now)) return serve(counters_.returned);
  const http::Redirect redirect{.status = 307,
                                .values = {"http", found->host, found->path},
                                .ending = {.close = true, .told_to_keep = false, .head = request.head},
                                .opening = {.date = date_.text()}};
  if (leads_back(*home->elsewhere, redirect.values, request)) return serve(counters_.leads_back);
  away_.note(key, now);
  ++counters_.sent_on;
  redirect.write(*home->elsewhere, out);
  return {Do::answer};
}

FrontDesk::Look FrontDesk::ask(const FrontSite& site, const IpAddress& client, MonoTime now) {
  Pending* free = nullptr;
  for (Pending& each : pending_) {
    if (each.used && now - each.asked >= kForget) each.used = false;
    if (!each.used && free == nullptr) free = &each;
    if (!each.used || each.service != site.id || each.client != client) continue;
    // Who did not hear in time need not be waited for by each client anew.
    if (now - each.asked >= options_.wait) return serve(counters_.unanswered);
    return {Do::wait, each.number};
  }
  if (free == nullptr || !bucket_.may_take(full_at_, now)) return serve(counters_.limited);
  full_at_ = bucket_.take(full_at_, now);
  const auto slot = static_cast<std::uint32_t>(free - pending_.data());
  *free = {true, turn_++ * kPending + slot, site.id, *master_of(site), client, now};
  ++counters_.questions;
  question_ = {free->master, {free->number, site.service, client}};
  return {Do::wait, free->number};
}

bool FrontDesk::answered(std::size_t master, const wire::HomeAnswer& answer, MonoTime now) {
  Pending& asked = pending_.at(answer.number % kPending);
  if (!asked.used || asked.number != answer.number || asked.master != master) {
    ++counters_.answers_unasked;
    return false;
  }
  asked.used = false;
  ++counters_.answers;
  if (now - asked.asked >= options_.wait) ++counters_.answers_late;
  HomeCache::Home home;
  if (answer.home == wire::HomeAnswer::Home::elsewhere) {
    home.elsewhere = location_of(answer.location);
    if (!home.elsewhere) ++counters_.answers_bad;
  }
  const Nanos keep = std::clamp(answer.keep, kLeastKeep, std::max(kLeastKeep, options_.keep));
  cache_.put(asked.service, asked.client, answer.length, std::move(home), now + keep);
  return true;
}

std::shared_ptr<const http::Location> FrontDesk::location_of(const std::string& text) {
  if (const auto at = locations_.find(text); at != locations_.end()) return at->second;
  auto location = http::Location::parse(text);
  if (!location) return nullptr;
  if (locations_.size() >= kLocations)
    std::erase_if(locations_, [](const auto& each) { return each.second.use_count() == 1; });
  auto made = std::make_shared<const http::Location>(std::move(*location));
  if (locations_.size() < kLocations) locations_.emplace(text, made);
  return made;
}

bool FrontDesk::leads_back(const http::Location& to, const http::Location::Values& values,
                           const http::Request& request) noexcept {
  ByteWriter uri(scratch_);
  to.write(values, uri);
  std::string_view text = as_text(uri.written());
  const bool tls = text.starts_with("https:");
  text.remove_prefix(std::min(text.find("://") + 3, text.size()));
  const auto named = http::parse_authority(text.substr(0, text.find('/')));
  if (!uri.ok() || !named) return true;  // nothing that could be followed
  return same_host(named->host, request.host) &&
         port_or(named->port, tls ? "443" : "80") == port_or(request.port, "80");
}

void FrontDesk::refuse(int status, ByteWriter& out) noexcept {
  ++counters_.refused;
  http::write_text(status, {}, "this is no request that can be answered\n", {.close = true},
                   {.date = date_.text()}, out);
}

void FrontDesk::bad_gateway(bool head, ByteWriter& out) noexcept {
  http::write_text(502, {}, "the server of this site does not answer\n",
                   {.close = true, .told_to_keep = false, .head = head}, {.date = date_.text()}, out);
}

}  // namespace flagfall::slave
