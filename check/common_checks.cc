#include "check/common_checks.hh"

#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "clocksync/clock_source.hh"
#include "common/net/loop.hh"

namespace flagfall::check {
namespace {

/// chronyd answers at once; an NTP server's clock is known after four exchanges, 100 ms apart.
constexpr Nanos kClockPatience = std::chrono::seconds(6);

/// The daemon's file: beside this program, as all are installed.
std::string daemon_file(const std::string& program) {
  std::error_code none;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", none);
  return (self.parent_path() / program).string();
}

struct User {
  uid_t uid = 0;
  std::string name;
};

/// Whom the daemon runs as, or will.
std::optional<User> daemon_user(const Scene& scene) {
  const passwd* entry = scene.daemon_uid ? getpwuid(*scene.daemon_uid) : getpwnam("flagfall");
  if (entry == nullptr) return std::nullopt;
  return User{entry->pw_uid, entry->pw_name};
}

}  // namespace

Scene::Scene(std::string name, Findings& findings)
    : program(std::move(name)),
      out(findings),
      addresses(local_addresses()),
      udp(bound_sockets(false)),
      tcp(bound_sockets(true)),
      started(clock.mono()),
      real_minus_mono(read_real_minus_mono(clock).offset) {}

void check_port(Scene& scene, bool tcp, const Endpoint& at) {
  PortFacts facts{fmt::format("{} {}", tcp ? "TCP" : "UDP", to_string(at)),
                  at,
                  scene.program,
                  in_the_way(tcp ? scene.tcp : scene.udp, at),
                  {}};
  for (const BoundSocket& holder : facts.holders) facts.owners.push_back(owner_of(holder));
  if (!judge_port(facts, scene.out)) return;
  scene.running = true;
  for (std::size_t i = 0; i < facts.holders.size(); ++i)
    if (facts.owners[i].program == scene.program) scene.daemon_uid = facts.holders[i].uid;
}

void check_firewall_itself(Scene& scene) {
  const auto rules = nft_ruleset();
  if (!rules)
    return scene.out.skipped("firewall", rules.error(), "run this check as root, with nft installed");
  auto parsed = Firewall::parse(*rules);
  if (!parsed) return scene.out.skipped("firewall", parsed.error(), "look at the rules by hand");
  for (const char* file : {"/proc/self/net/ip_tables_names", "/proc/self/net/ip6_tables_names"})
    if (!read_text(file).value_or("").empty())
      scene.out.skipped("firewall", "there are iptables-legacy rules, which this check does not read",
                        "iptables-legacy-save shows them; see docs/operations.md for what must pass");
  if (parsed->empty()) return scene.out.ok("firewall", "no nftables rules");
  scene.firewall = std::move(*parsed);
}

void check_packet(Scene& scene, const PacketFacts& facts, const Packet& packet) {
  if (scene.firewall) judge_packet(facts, scene.firewall->judge(packet), scene.out);
}

void check_capability(Scene& scene, net::Capability capability, const std::string& name,
                      const std::string& purpose, bool required) {
  judge_capability(
      {name, purpose, scene.program, net::has_capability(capability),
       net::file_has_capability(daemon_file(scene.program), capability), scene.running, required},
      scene.out);
}

std::optional<net::TlsContext> check_certificate(Scene& scene, net::TlsRole role,
                                                 const net::TlsFiles& files) {
  auto context = net::TlsContext::load(role, files, scene.clock.real());
  if (!context) {
    scene.out.problem("certificate", context.error(),
                      "make it anew with `flagfall keygen`, or correct [control]");
    return std::nullopt;
  }
  const auto days = std::chrono::floor<std::chrono::days>(context->expires() - scene.clock.real()).count();
  if (net::expiry_warning(files.certificate, context->expires(), scene.clock.real()).empty())
    scene.out.ok("certificate", fmt::format("{} is '{}', good for {} days, its CA and key fit",
                                            files.certificate, context->name(), days));
  else
    scene.out.warning("certificate", fmt::format("{} ends in {} days", files.certificate, days),
                      "renew it: `flagfall keygen --force`, copy it here, reload");
  struct stat info {};
  if (const auto user = daemon_user(scene); user && stat(files.key.c_str(), &info) == 0)
    judge_key_owner(files.key, info.st_uid, info.st_mode, user->uid, user->name, scene.out);
  return std::move(*context);
}

void check_stamps(Scene& scene, const std::set<std::string>& interfaces, bool transmit) {
  for (const std::string& interface : interfaces)
    judge_stamps(interface, stamp_flags(interface), transmit, scene.out);
}

void check_rp_filter(Scene& scene, const std::set<std::string>& interfaces) {
  std::set<std::string> all;
  for (const LocalAddress& a : scene.addresses)
    if (a.interface != "lo") all.insert(a.interface);
  const auto of = [](const std::string& name) {
    return read_number(fmt::format("/proc/sys/net/ipv4/conf/{}/rp_filter", name)).value_or(0);
  };
  for (const std::string& interface : interfaces)
    judge_rp_filter(interface, std::max(of("all"), of(interface)) == 1, all.size(), scene.out);
}

void check_buffer(Scene& scene, const std::string& key, std::int64_t wanted) {
  judge_buffer(key, wanted, grantable_receive_buffer(static_cast<int>(wanted)), scene.out);
}

void check_clock(Scene& scene, const clocksync::ClockConfig& config) {
  using clocksync::ClockConfig;
  if (config.source == ClockConfig::Source::master || config.sync == ClockConfig::Sync::relative)
    return scene.out.skipped("clock", "it is told by the masters, within a session",
                             "see `flagfall status` at a master");
  const auto options = clocksync::source_options(config);
  if (!options) return scene.out.problem("clock", options.error(), "correct [clock]");
  const std::string provider = config.source == ClockConfig::Source::chrony ? "chrony" : "ntp";
  try {
    net::Loop loop;
    const auto source = clocksync::make_clock_source(loop, scene.clock, scene.random, *options,
                                                     [&loop](const clocksync::RefMap& map) {
                                                       if (map.status == wire::ClockStatus::synchronised)
                                                         loop.stop();
                                                     });
    const net::Watch end = loop.after(kClockPatience, [&loop] { loop.stop(); });
    loop.run();
    judge_clock(provider, source->current(), config.max_error, scene.clock.mono(), scene.out);
  } catch (const std::runtime_error& e) {
    scene.out.problem("clock", e.what(), "correct [clock]");
  }
  judge_time_daemons(running_programs(), scene.out);
  for (const char* file : {"/etc/chrony/chrony.conf", "/etc/chrony.conf"})
    if (const auto text = read_text(file); text && provider == "chrony")
      judge_chrony_conf(file, *text, scene.out);
}

void check_steps(Scene& scene) {
  judge_steps(scene.real_minus_mono, read_real_minus_mono(scene.clock).offset,
              scene.clock.mono() - scene.started, scene.out);
}

}  // namespace flagfall::check
