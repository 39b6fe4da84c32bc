// How much a machine, or a server's cgroup, has left: from texts of /proc and of
// cgroup files to wire::Load. Pure, total: what cannot be read is not known. Who
// reads the files is load_reader.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hh"
#include "common/wire/evidence.hh"

namespace flagfall::collect {

/// The first line of /proc/stat, in clock ticks since boot.
struct CpuTicks {
  std::uint64_t idle = 0;  // waiting for disks included: a server may have the CPU meanwhile
  std::uint64_t all = 0;
};
std::optional<CpuTicks> parse_cpu(std::string_view stat);
/// CPUs that are on, by /proc/stat's lines; 0: none there.
unsigned count_cpus(std::string_view stat);
/// MemAvailable and SwapFree of /proc/meminfo, in octets.
std::optional<std::uint64_t> parse_meminfo(std::string_view meminfo, std::string_view key);
/// CurrEstab of /proc/net/snmp: open connections of the network namespace, both families.
std::optional<std::uint64_t> parse_established(std::string_view snmp);

/// One number, as most cgroup files are; "max" (v2) and v1's near-2^63 are `kNoLimit`, -1, too.
inline constexpr std::uint64_t kNoLimit = UINT64_MAX;
std::optional<std::uint64_t> parse_amount(std::string_view text);
/// The line "key value" of a cgroup's memory.stat or cpu.stat.
std::optional<std::uint64_t> parse_keyed(std::string_view text, std::string_view key);

/// A cgroup's files of one look, whatever the version; what is not there is absent.
struct CgroupFigures {
  std::optional<std::uint64_t> memory_limit, memory_used;  // octets
  std::optional<std::uint64_t> reclaimable;                // of what is used: cached files nobody has touched
  std::optional<std::uint64_t> swap_limit, swap_used;
  std::optional<Nanos> cpu_used;    // since the cgroup began
  std::optional<double> cpu_limit;  // CPUs' worth; absent: all there are
};
/// cpu.max of v2: "max 100000" is no limit, "50000 100000" half a CPU.
std::optional<double> parse_cpu_max(std::string_view text);

/// The machine's texts of one look.
struct MachineFigures {
  std::optional<CpuTicks> cpu;
  unsigned cpus = 0;
  std::optional<std::uint64_t> free_memory, free_swap, connections;
};

/// Turns looks into loads: idle CPU is between two of them.
class LoadMeter {
 public:
  wire::Load machine(const MachineFigures& now);
  /// After machine() of the same look. What the cgroup has left is no more than the machine has.
  wire::Load cgroup(const std::string& name, const CgroupFigures& now, MonoTime at);

 private:
  struct Before {
    std::string name;
    Nanos cpu_used;
    MonoTime at;
  };
  std::optional<CpuTicks> cpu_before_;
  std::optional<double> idle_;  // the machine's, as a share
  MachineFigures machine_;
  std::vector<Before> before_;
};

}  // namespace flagfall::collect
