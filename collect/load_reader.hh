// Reads what load.hh understands: /proc, and a cgroup's files of version 2 or 1. Shell:
// every look opens, reads and closes some small files of the kernel's. Loop thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collect/load.hh"
#include "common/base/result.hh"

namespace flagfall::collect {

/// Where one cgroup's files are. Version 2 has them in one folder; version 1 has a tree a controller.
struct CgroupFolder {
  std::string name;  // the path's last part
  bool v2 = true;
  std::string memory, cpu, cpuacct;  // v2: all the same
};

/// `path` is the cgroup's folder; of version 1 that under any of its controllers:
/// /sys/fs/cgroup/memory/web. An error says what is not there.
Result<CgroupFolder> find_cgroup(const std::string& path);

class LoadReader {
 public:
  /// The path of /proc is an argument for tests.
  explicit LoadReader(std::vector<CgroupFolder> cgroups, std::string proc = "/proc");
  /// The machine first, then the cgroups in their order. `connections`: instead of the machine's.
  std::vector<wire::Load> look(std::optional<std::uint64_t> connections, MonoTime now);

 private:
  [[nodiscard]] MachineFigures read_machine() const;
  std::vector<CgroupFolder> cgroups_;
  std::string proc_;
  LoadMeter meter_;
};

}  // namespace flagfall::collect
