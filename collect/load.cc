#include "collect/load.hh"

#include <algorithm>
#include <array>
#include <charconv>

namespace flagfall::collect {
namespace {

// v1 says "no limit" as the largest multiple of the page size below 2^63.
constexpr std::uint64_t kUnlimitedFrom = std::uint64_t{1} << 62;

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view next_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(begin);
  const std::size_t end = std::min(line.find_first_of(" \t\n"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

std::optional<std::uint64_t> number(std::string_view word) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return n;
}

/// What a limit leaves; without one, nothing is said.
std::optional<std::uint64_t> left(std::uint64_t limit, std::uint64_t used) {
  if (limit == kNoLimit) return std::nullopt;
  return limit > used ? limit - used : 0;
}

/// The smaller of what is known.
std::optional<std::uint64_t> least(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::optional<std::uint64_t> sendable(std::optional<std::uint64_t> n) {
  if (n) *n = std::min(*n, wire::kMaxAmount);
  return n;
}

std::uint32_t millionths(double share) {
  return static_cast<std::uint32_t>(std::clamp(share, 0.0, 1.0) * wire::kWhole);
}

}  // namespace

std::optional<CpuTicks> parse_cpu(std::string_view stat) {
  std::string_view line = next_line(stat);
  if (next_word(line) != "cpu") return std::nullopt;
  // user nice system idle iowait irq softirq steal; guest times are in user and nice already (proc(5)).
  std::array<std::uint64_t, 8> ticks{};
  for (std::uint64_t& n : ticks) {
    const auto value = number(next_word(line));
    if (!value || *value > kUnlimitedFrom / ticks.size()) return std::nullopt;
    n = *value;
  }
  CpuTicks out;
  for (const std::uint64_t n : ticks) out.all += n;
  out.idle = ticks[3] + ticks[4];
  return out;
}

unsigned count_cpus(std::string_view stat) {
  unsigned n = 0;
  while (!stat.empty()) {
    const std::string_view line = next_line(stat);
    if (line.size() > 3 && line.starts_with("cpu") && line[3] >= '0' && line[3] <= '9') ++n;
  }
  return n;
}

std::optional<std::uint64_t> parse_meminfo(std::string_view meminfo, std::string_view key) {
  while (!meminfo.empty()) {
    std::string_view line = next_line(meminfo);
    const std::string_view word = next_word(line);
    if (word.size() != key.size() + 1 || !word.starts_with(key) || word.back() != ':') continue;
    const auto kilo = number(next_word(line));
    if (!kilo || *kilo > wire::kMaxAmount || next_word(line) != "kB") return std::nullopt;
    return *kilo * 1024;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_established(std::string_view snmp) {
  // Two lines that begin with "Tcp:": names, then their values.
  std::string_view names;
  while (!snmp.empty()) {
    std::string_view line = next_line(snmp);
    if (!line.starts_with("Tcp: ")) continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    while (!names.empty()) {
      const std::string_view name = next_word(names);
      const std::string_view value = next_word(line);
      if (name == "CurrEstab") return number(value);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_amount(std::string_view text) {
  const std::string_view word = next_word(text);
  if (word == "max" || word == "-1") return kNoLimit;
  const auto n = number(word);
  return n && *n >= kUnlimitedFrom ? kNoLimit : n;
}

std::optional<std::uint64_t> parse_keyed(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) == key) return number(next_word(line));
  }
  return std::nullopt;
}

std::optional<double> parse_cpu_max(std::string_view text) {
  const auto quota = number(next_word(text));
  const auto period = number(next_word(text));
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

wire::Load LoadMeter::machine(const MachineFigures& now) {
  idle_.reset();
  if (now.cpu && cpu_before_ && now.cpu->all > cpu_before_->all && now.cpu->idle >= cpu_before_->idle)
    idle_ = static_cast<double>(now.cpu->idle - cpu_before_->idle) /
            static_cast<double>(now.cpu->all - cpu_before_->all);
  cpu_before_ = now.cpu;
  machine_ = now;
  wire::Load out;
  out.name = "machine";
  out.connections = sendable(now.connections);
  out.free_memory = sendable(now.free_memory);
  out.free_swap = sendable(now.free_swap);
  if (idle_) out.idle_cpu = millionths(*idle_);
  return out;
}

wire::Load LoadMeter::cgroup(const std::string& name, const CgroupFigures& now, MonoTime at) {
  wire::Load out;
  out.name = name;
  out.connections = sendable(machine_.connections);
  if (now.memory_limit && now.memory_used) {
    const std::uint64_t used = *now.memory_used - std::min(*now.memory_used, now.reclaimable.value_or(0));
    out.free_memory = sendable(least(left(*now.memory_limit, used), machine_.free_memory));
  }
  if (now.swap_limit && now.swap_used)
    out.free_swap = sendable(least(left(*now.swap_limit, *now.swap_used), machine_.free_swap));
  auto before = std::ranges::find(before_, name, &Before::name);
  if (now.cpu_used && before != before_.end() && at > before->at && *now.cpu_used >= before->cpu_used &&
      machine_.cpus > 0) {
    const double used = static_cast<double>((*now.cpu_used - before->cpu_used).count()) /
                        static_cast<double>((at - before->at).count());
    const double all = machine_.cpus;
    const double mine = std::min(now.cpu_limit.value_or(all), all);
    // Others may leave less than the limit allows.
    const double free = idle_ ? std::min(mine - used, *idle_ * all) : mine - used;
    out.idle_cpu = millionths(free / mine);
  }
  if (!now.cpu_used) {
    if (before != before_.end()) before_.erase(before);
  } else if (before != before_.end()) {
    *before = {name, *now.cpu_used, at};
  } else if (before_.size() < wire::kMaxLoads) {
    before_.push_back({name, *now.cpu_used, at});
  }
  return out;
}

}  // namespace flagfall::collect
