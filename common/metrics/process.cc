#include "common/metrics/process.hh"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

namespace flagfall::metrics {
namespace {

double per_second() {
  return static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// The fields of /proc/self/stat from the third on (proc(5)); the second, the name, may hold anything.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  rest >> state;
  std::vector<double> out{0};
  for (double value = 0; rest >> value;) out.push_back(value);
  return out;
}

std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> count_descriptors() {
  std::error_code error;
  double n = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    ++n;
  return error ? std::nullopt : std::optional(n - 1);  // one was this look's own
}

}  // namespace

ProcessFacts ProcessFacts::now() {
  ProcessFacts out;
  // proc(5): 14 utime, 15 stime, 20 num_threads, 22 starttime, 23 vsize, 24 rss; the list begins at 3.
  constexpr std::size_t kFirst = 3;
  if (const auto fields = stat_fields(); fields.size() > 24 - kFirst) {
    out.cpu_seconds = (fields[14 - kFirst] + fields[15 - kFirst]) / per_second();
    out.threads = fields[20 - kFirst];
    if (const auto boot = boot_time()) out.started = *boot + fields[22 - kFirst] / per_second();
    out.virtual_bytes = fields[23 - kFirst];
    out.resident_bytes = fields[24 - kFirst] * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  out.open_descriptors = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out.most_descriptors = static_cast<double>(limit.rlim_cur);
  return out;
}

void add_build(Families& out, const std::string& program) {
  out.gauge("flagfall_build_info", "Always 1; the labels say what runs", 1,
            {{"program", program}, {"version", FLAGFALL_VERSION}});
}

void add_process(Families& out, const ProcessFacts& facts) {
  const auto gauge = [&](const char* name, const char* help, const std::optional<double>& value) {
    if (value) out.gauge(name, help, *value);
  };
  if (facts.cpu_seconds) out.counter("process_cpu_seconds_total", "Time on processors", *facts.cpu_seconds);
  gauge("process_start_time_seconds", "When the process started, since 1970", facts.started);
  gauge("process_resident_memory_bytes", "Memory in use", facts.resident_bytes);
  gauge("process_virtual_memory_bytes", "Address space in use", facts.virtual_bytes);
  gauge("process_open_fds", "Open descriptors", facts.open_descriptors);
  gauge("process_max_fds", "Descriptors that may be open", facts.most_descriptors);
  gauge("process_threads", "Threads", facts.threads);
}

void add_certificates(Families& out, const CertificateDates& dates) {
  const auto add = [&](const char* which, RealTime end) {
    if (end != RealTime())
      out.gauge(
          "flagfall_certificate_not_after_timestamp_seconds",
          "When a certificate of this daemon ends, since 1970: control (of the sessions), ca, admin (of the "
          "admin listener), https (of web clients: the first one to end)",
          in_seconds(end), {{"certificate", which}});
  };
  add("control", dates.own);
  add("ca", dates.ca);
  if (dates.admin) add("admin", *dates.admin);
  if (dates.https) add("https", *dates.https);
}

void add_admin(Families& out, const net::AdminCounters& counters) {
  const auto add = [&](const char* name, const char* help, std::uint64_t value) {
    out.counter(name, help, static_cast<double>(value));
  };
  add("flagfall_admin_requests_total", "Requests to the admin listener that were let in", counters.requests);
  add("flagfall_admin_refused_total", "Requests to the admin listener without the right token or host",
      counters.refused);
  add("flagfall_admin_connections_total", "Connections to the admin listener", counters.connections.accepted);
  add("flagfall_admin_evicted_total", "Connections cut, as there were too many",
      counters.connections.evicted);
  add("flagfall_admin_timed_out_total", "Connections cut, as they were too slow",
      counters.connections.timed_out);
}

}  // namespace flagfall::metrics
