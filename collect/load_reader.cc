#include "collect/load_reader.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "common/net/fd.hh"

namespace flagfall::collect {
namespace {

/// /proc/stat of a machine with a thousand CPUs is 100 KB; nothing else here is more than a few.
constexpr std::size_t kMostText = 256 * std::size_t{1024};

/// As much as there is; empty when it cannot be read.
std::string read_text(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  std::array<char, 4096> part{};
  while (fd && out.size() < kMostText) {
    const ssize_t n = ::read(fd.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(part.data(), static_cast<std::size_t>(n));
  }
  return out;
}

bool there(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

/// `path` with the part that names a controller replaced; empty when there is no such part.
std::string of_controller(const std::filesystem::path& path, const std::string& controller) {
  std::filesystem::path out;
  bool replaced = false;
  for (const auto& part : path) {
    const std::string name = part.string();
    const bool is = name == "memory" || name == "cpu" || name == "cpuacct" || name == "cpu,cpuacct";
    out /= is && !replaced ? std::filesystem::path(controller) : part;
    replaced = replaced || is;
  }
  return replaced ? out.string() : std::string();
}

CgroupFigures read_v2(const CgroupFolder& at) {
  CgroupFigures out;
  out.memory_limit = parse_amount(read_text(at.memory + "/memory.max"));
  out.memory_used = parse_amount(read_text(at.memory + "/memory.current"));
  out.reclaimable = parse_keyed(read_text(at.memory + "/memory.stat"), "inactive_file");
  out.swap_limit = parse_amount(read_text(at.memory + "/memory.swap.max"));
  out.swap_used = parse_amount(read_text(at.memory + "/memory.swap.current"));
  if (const auto us = parse_keyed(read_text(at.cpu + "/cpu.stat"), "usage_usec");
      us && *us <= wire::kMaxAmount)
    out.cpu_used = std::chrono::microseconds(*us);
  out.cpu_limit = parse_cpu_max(read_text(at.cpu + "/cpu.max"));
  return out;
}

CgroupFigures read_v1(const CgroupFolder& at) {
  CgroupFigures out;
  out.memory_limit = parse_amount(read_text(at.memory + "/memory.limit_in_bytes"));
  out.memory_used = parse_amount(read_text(at.memory + "/memory.usage_in_bytes"));
  out.reclaimable = parse_keyed(read_text(at.memory + "/memory.stat"), "total_inactive_file");
  // memsw is memory and swap together.
  const auto both_limit = parse_amount(read_text(at.memory + "/memory.memsw.limit_in_bytes"));
  const auto both_used = parse_amount(read_text(at.memory + "/memory.memsw.usage_in_bytes"));
  if (both_limit && both_used && out.memory_limit && out.memory_used) {
    const bool limited = *both_limit != kNoLimit && *out.memory_limit != kNoLimit;
    out.swap_limit = limited ? *both_limit - std::min(*both_limit, *out.memory_limit) : *both_limit;
    out.swap_used = *both_used - std::min(*both_used, *out.memory_used);
  }
  if (const auto ns = parse_amount(read_text(at.cpuacct + "/cpuacct.usage")); ns && *ns != kNoLimit)
    out.cpu_used = Nanos(static_cast<std::int64_t>(*ns));
  const auto quota = parse_amount(read_text(at.cpu + "/cpu.cfs_quota_us"));
  const auto period = parse_amount(read_text(at.cpu + "/cpu.cfs_period_us"));
  if (quota && period && *quota != kNoLimit && *quota > 0 && *period > 0 && *period != kNoLimit)
    out.cpu_limit = static_cast<double>(*quota) / static_cast<double>(*period);
  return out;
}

}  // namespace

Result<CgroupFolder> find_cgroup(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  CgroupFolder out;
  out.name = folder.filename().string().substr(0, 64);
  for (char& c : out.name)
    if (c < 0x20 || c > 0x7e) c = '?';
  out.memory = out.cpu = out.cpuacct = folder.string();
  // The root of version 2 has no memory.current, any other cgroup has cgroup.controllers at least.
  if (there(out.cpu + "/cgroup.controllers")) {
    if (there(out.memory + "/memory.current") || there(out.cpu + "/cpu.stat")) return out;
    return Error{fmt::format("{}: neither memory.current nor cpu.stat is there", path)};
  }
  out.v2 = false;
  out.memory = of_controller(folder, "memory");
  out.cpuacct = of_controller(folder, "cpuacct");
  out.cpu = of_controller(folder, "cpu");
  if (there(out.memory + "/memory.usage_in_bytes") || there(out.cpuacct + "/cpuacct.usage")) return out;
  return Error{fmt::format(
      "{}: is no cgroup's folder: neither cgroup.controllers (version 2) nor memory.usage_in_bytes or "
      "cpuacct.usage (version 1) can be read",
      path)};
}

LoadReader::LoadReader(std::vector<CgroupFolder> cgroups, std::string proc)
    : cgroups_(std::move(cgroups)), proc_(std::move(proc)) {}

MachineFigures LoadReader::read_machine() const {
  MachineFigures out;
  const std::string stat = read_text(proc_ + "/stat");
  const std::string memory = read_text(proc_ + "/meminfo");
  out.cpu = parse_cpu(stat);
  out.cpus = count_cpus(stat);
  out.free_memory = parse_meminfo(memory, "MemAvailable");
  out.free_swap = parse_meminfo(memory, "SwapFree");
  out.connections = parse_established(read_text(proc_ + "/net/snmp"));
  return out;
}

std::vector<wire::Load> LoadReader::look(std::optional<std::uint64_t> connections, MonoTime now) {
  MachineFigures machine = read_machine();
  if (connections) machine.connections = connections;
  std::vector<wire::Load> out{meter_.machine(machine)};
  for (const CgroupFolder& folder : cgroups_)
    out.push_back(meter_.cgroup(folder.name, folder.v2 ? read_v2(folder) : read_v1(folder), now));
  return out;
}

}  // namespace flagfall::collect
