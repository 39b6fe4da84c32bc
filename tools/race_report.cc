#include "tools/race_report.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/wire/dns.hh"

namespace flagfall::tools {
namespace {

/// A master looks at no more of an answer's addresses, and at no more answers.
constexpr std::size_t kMostAddresses = 4, kMostArrivals = 16;
/// And no larger body than 64 KiB.
constexpr std::size_t kMostBody = 60'000;

nlohmann::json json_of(const RaceReport& report) {
  nlohmann::json arrivals = nlohmann::json::array();
  for (const RaceReport::Arrival& arrival : report.arrivals) {
    if (arrivals.size() == kMostArrivals) break;
    nlohmann::json answers = nlohmann::json::array();
    for (const IpAddress& ip : arrival.answers)
      if (answers.size() < kMostAddresses) answers.push_back(to_string(ip));
    arrivals.push_back(
        {{"answers", answers}, {"ms", std::chrono::duration<double, std::milli>(arrival.after).count()}});
  }
  return {{"client", to_string(report.client)},
          {"id", report.dns_id},
          {"name", report.name},
          {"type", report.type == wire::rrtype::kAaaa ? "AAAA" : "A"},
          {"arrivals", arrivals}};
}

}  // namespace

void RaceReports::add(RaceReport report) {
  std::erase_if(report.arrivals, [](const RaceReport::Arrival& a) { return a.answers.empty(); });
  if (report.arrivals.empty()) return;
  // Kernel stamps of two packets may be taken in another order than these are read in.
  std::ranges::stable_sort(report.arrivals, {}, &RaceReport::Arrival::after);
  for (RaceReport::Arrival& arrival : report.arrivals) arrival.after = std::max(arrival.after, Nanos(0));
  if (waiting_.size() == kMostWaiting) {
    waiting_.pop_front();
    ++dropped_;
  }
  waiting_.push_back(std::move(report));
}

std::string RaceReports::take() {
  std::string body = R"({"races":[)";
  under_way_ = 0;
  while (!waiting_.empty() && under_way_ < kBatch) {
    const std::string one =
        json_of(waiting_.front()).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (under_way_ > 0 && body.size() + one.size() > kMostBody) break;
    body += (under_way_ > 0 ? "," : "") + one;
    waiting_.pop_front();
    ++under_way_;
  }
  return body + "]}";
}

void RaceReports::answered(const Result<std::string>& answer) {
  const std::uint64_t races = std::exchange(under_way_, 0);
  if (!answer) {
    failed_ += races;
    if (trouble_.empty()) trouble_ = answer.error();
    return;
  }
  sent_ += races;
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  if (json.is_object() && json.contains("known") && json["known"].is_number_unsigned())
    known_ += std::min(json["known"].get<std::uint64_t>(), races);
}

void RaceReports::give_up() {
  failed_ += waiting_.size();
  waiting_.clear();
}

std::string RaceReports::summary() const {
  std::string out = fmt::format("{} races reported; the master knew {} of them", sent_, known_);
  if (failed_ > 0) out += fmt::format("; {} could not be reported: {}", failed_, trouble_);
  if (dropped_ > 0) out += fmt::format("; {} were too many at once", dropped_);
  if (failed_ > 0)
    out +=
        "\n  -> is --report the master's admin listener, --token-file what its admin.report_token_file (or "
        "token_file)\n     holds, and --ca what signed its certificate? Its log names what it refuses";
  else if (dropped_ > 0)
    out += "\n  -> race less often (--interval): the master is slow to answer";
  return out;
}

}  // namespace flagfall::tools
