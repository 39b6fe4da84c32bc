#include "check/command.hh"

#include <fmt/format.h>
#include <netdb.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "check/arrivals.hh"
#include "check/listener.hh"
#include "check/master_check.hh"
#include "check/prober.hh"
#include "check/verified.hh"
#include "common/base/log.hh"
#include "common/config/types.hh"
#include "common/net/sockaddr.hh"
#include "slave/config.hh"

namespace flagfall::check {
namespace {

constexpr int kNotChecked = 3;
/// Where --listen listens, beside the ports of masters (4953) and slaves (4954).
constexpr std::uint16_t kProbePort = 4955;
/// The first port that traceroute uses: closed on every ordinary host, and let in by many.
constexpr std::uint16_t kClosedPort = 33434;
constexpr auto kMasterConfig = "/etc/flagfall/flagfall-master.toml";
constexpr auto kSlaveConfig = "/etc/flagfall/flagfall-slave.toml";

struct Words {
  std::vector<std::string> configs;
  std::vector<std::string> with;
  std::string resolver, parent;
  bool listens = false;
  std::vector<std::string> listen;
  std::vector<std::string> probe;
  std::string verified;
  std::string key;
  std::string expect;
  std::string wait = "1m";
  std::vector<std::string> open;
  bool json = false;
};

int fail(const std::string& text) {
  std::cerr << "flagfall check: " << text << '\n';
  return kNotChecked;
}

/// One endpoint of each family that a host has; the port may be left out.
Result<std::vector<Endpoint>> find_host(const std::string& text, std::uint16_t port) {
  if (auto literal = parse_endpoint(text, port)) return std::vector{*literal};
  const std::size_t colon = text.find(':');
  const std::string service = colon == std::string::npos ? std::to_string(port) : text.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  if (const int failed = getaddrinfo(text.substr(0, colon).c_str(), service.c_str(), &hints, &list);
      failed != 0)
    return Error{fmt::format("{}: {}", text, gai_strerror(failed))};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Endpoint> out;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    const auto endpoint = net::to_endpoint(*one->ai_addr, one->ai_addrlen);
    if (endpoint &&
        std::ranges::none_of(out, [&](const Endpoint& e) { return e.ip.family == endpoint->ip.family; }))
      out.push_back(*endpoint);
  }
  if (out.empty()) return Error{fmt::format("{}: no address", text)};
  return out;
}

Result<std::vector<Endpoint>> find_hosts(const std::vector<std::string>& words, std::uint16_t port) {
  std::vector<Endpoint> out;
  for (const std::string& word : words) {
    const auto more = find_host(word, port);
    if (!more) return Error{more.error()};
    out.insert(out.end(), more->begin(), more->end());
  }
  return out;
}

/// A file with the key, or the key itself.
Result<std::vector<std::uint8_t>> read_key(const std::string& word) {
  if (word.empty())
    return Error{"--key is missing: openssl rand -hex 16 > probe.key, the same on both hosts"};
  const auto text = read_text(word);
  auto key = parse_probe_key(text ? *text : word);
  if (!key)
    return Error{fmt::format("--key {}: {}", text ? word : "(neither a file nor a key)", key.error())};
  return key;
}

std::set<std::string> split(const std::string& text) {
  std::set<std::string> out;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');)
    if (!word.empty()) out.insert(word);
  return out;
}

/// Prints each finding as it comes, or nothing when all of it is to be JSON.
Findings make_findings(const Words& words) {
  if (words.json) return Findings();
  return Findings([](const Finding& f) { std::cout << finding_text(f) << std::flush; });
}

/// "flagfall-master", "flagfall-slave", or an error.
Result<std::string> whose(const std::string& file) {
  const auto value = config::parse_file(file);
  if (!value) return Error{value.error()};
  if (value->find("transmit") != nullptr || value->find("master") != nullptr)
    return std::string("flagfall-slave");
  if (value->find("service") != nullptr || value->find("zone") != nullptr)
    return std::string("flagfall-master");
  return Error{
      fmt::format("{}: neither a master's configuration ([[service]], [[zone]]) nor a slave's ([transmit], "
                  "[[master]])",
                  file)};
}

int run_host(const Words& words) {
  CheckOptions options;
  const auto with = find_hosts(words.with, kClosedPort);
  if (!with) return fail("--with " + with.error());
  options.with = *with;
  for (const auto& [word, name, place] : {std::tuple{&words.resolver, "--resolver", &options.resolver},
                                          std::tuple{&words.parent, "--parent", &options.parent}}) {
    if (word->empty()) continue;
    const auto endpoint = parse_endpoint(*word, 53);
    if (!endpoint) return fail(fmt::format("{}: {}", name, endpoint.error()));
    *place = *endpoint;
  }
  std::vector<std::string> configs = words.configs;
  for (const char* usual : {kMasterConfig, kSlaveConfig})
    if (words.configs.empty() && std::filesystem::exists(usual)) configs.emplace_back(usual);
  if (configs.empty())
    return fail(
        fmt::format("neither {} nor {} is there: name one with --config", kMasterConfig, kSlaveConfig));
  Findings findings = make_findings(words);
  std::string checked;
  for (const std::string& file : configs) {
    const auto program = whose(file);
    if (!program) {
      findings.problem("configuration", program.error(), "correct the file, or name another with --config");
      continue;
    }
    checked += (checked.empty() ? "" : ", ") + file;
    options.config = file;
    Scene scene(*program, findings);
    *program == "flagfall-master" ? check_master(scene, options) : check_slave(scene, options);
  }
  std::cout << (words.json ? findings.json(checked) : findings.summary());
  return findings.exit_status();
}

int run_listen(const Words& words) {
  ListenOptions options;
  for (const std::string& word : words.listen) {
    if (word.empty()) continue;  // --listen alone
    const auto at = parse_endpoint(word, kProbePort);
    if (!at) return fail(fmt::format("--listen {}: {}", word, at.error()));
    options.listen.push_back(*at);
  }
  if (options.listen.empty())
    options.listen = {{*parse_ip("0.0.0.0"), kProbePort}, {*parse_ip("::"), kProbePort}};
  auto key = read_key(words.key);
  if (!key) return fail(key.error());
  options.key = std::move(*key);
  const auto patience = config::parse_duration(words.wait);
  if (!patience) return fail("--wait: " + patience.error());
  options.patience = *patience;
  options.expected = split(words.expect);
  const auto open = find_hosts(words.open, 53);
  if (!open) return fail("--open " + open.error());
  options.open_toward = *open;
  Arrivals book;
  std::ostream& progress = words.json ? std::cerr : std::cout;
  for (const Endpoint& at : options.listen)
    progress << "listening at UDP " << to_string(at) << ", for " << words.wait << " at most\n" << std::flush;
  listen_for_probes(options, book, progress);
  Findings findings = make_findings(words);
  if (book.empty() && options.expected.empty())
    findings.problem("probes", "none arrived",
                     "on each slave: flagfall check --probe THIS_HOST --key FILE; let the UDP port in here");
  book.judge(options.expected, findings);
  if (!words.json) {
    std::cout << findings.summary();
    return findings.exit_status();
  }
  auto whole = nlohmann::ordered_json::parse(findings.json("probes"));
  whole.update(nlohmann::ordered_json::parse(book.verified_json()));
  std::cout << whole.dump(2) << '\n';
  return findings.exit_status();
}

int run_probe(const Words& words) {
  const std::string file = words.configs.empty() ? kSlaveConfig : words.configs.front();
  const auto config = slave::schema().load(file);
  if (!config) return fail(config.error());
  const SystemClock clock;
  const auto certificate = net::TlsContext::load(
      net::TlsRole::client,
      {config->control.ca.text, config->control.certificate.text, config->control.key.text}, clock.real());
  if (!certificate) return fail(certificate.error());
  auto key = read_key(words.key);
  if (!key) return fail(key.error());
  const auto to = find_hosts(words.probe, kProbePort);
  if (!to) return fail("--probe " + to.error());
  SystemRandom random;
  const auto results =
      send_probes({certificate->name(), config->transmit.sources, *to, std::move(*key)}, random);
  Findings findings = make_findings(words);
  for (const ProbeResult& r : results) {
    const std::string subject =
        fmt::format("probes from {}", r.own ? "this host's own address" : to_string(r.source));
    if (r.failed == 0)
      findings.ok(subject, fmt::format("{} sent; the listener says what arrived", r.sent));
    else
      findings.problem(subject,
                       fmt::format("{} of {} could not be sent: {}", r.failed, r.sent + r.failed, r.why),
                       "is there a rule or a missing route on this host? flagfall check says more");
  }
  if (std::ranges::all_of(results, &ProbeResult::own))
    findings.problem("probes", "no service address is of the listener's family",
                     "name its other address as well");
  std::cout << (words.json ? findings.json("probes") : findings.summary());
  return findings.exit_status();
}

int run_verified(const Words& words) {
  const std::string file = words.configs.empty() ? kMasterConfig : words.configs.front();
  const auto text = read_text(words.verified);
  if (!text) return fail(words.verified + ": cannot be read");
  Findings findings = make_findings(words);
  if (const Status told = tell_verified(file, *text, findings); !told) return fail(told.error());
  std::cout << (words.json ? findings.json(words.verified) : findings.summary());
  return findings.exit_status();
}

int run(const Words& words) {
  // What the libraries log is said by findings here.
  if (const Status good = log::init("flagfall", "error"); !good) return fail(good.error());
  spdlog::set_level(spdlog::level::off);
  if (words.listens) return run_listen(words);
  if (!words.probe.empty()) return run_probe(words);
  if (!words.verified.empty()) return run_verified(words);
  return run_host(words);
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  CLI::App* check =
      app.add_subcommand("check", "Look for what would not work, before it is needed; changes nothing");
  const auto words = std::make_shared<Words>();
  check
      ->add_option("-c,--config", words->configs,
                   "A master's or a slave's configuration; default: those in /etc/flagfall")
      ->type_name("FILE");
  check->add_flag("--json", words->json, "One JSON object");
  check
      ->add_option("--with", words->with,
                   "A host outside with a closed UDP port: do its ICMP errors come back?")
      ->type_name("HOST[:PORT]");
  check
      ->add_option("--resolver", words->resolver,
                   "Whom to ask for zones' parents; default: as /etc/resolv.conf says")
      ->type_name("ADDRESS[:PORT]");
  check->add_option("--parent", words->parent, "A server of the zone above, instead of looking for it")
      ->type_name("ADDRESS[:PORT]");
  auto* listen =
      check
          ->add_option("--listen", words->listen,
                       "On a third host: receive what slaves send as the service, and say whose arrived")
          ->type_name("[ADDRESS[:PORT]]")
          ->expected(0, 8);
  check->add_option("--probe", words->probe, "On a slave: send to such a listener")->type_name("HOST[:PORT]");
  check
      ->add_option("--key", words->key,
                   "Of --listen and --probe: a file with 32 hex digits, the same on both")
      ->type_name("FILE");
  check->add_option("--expect", words->expect, "With --listen: these slaves; end when all is there")
      ->type_name("NAME,...");
  check->add_option("--wait", words->wait, "With --listen: end after so long")
      ->type_name("DURATION")
      ->capture_default_str();
  check
      ->add_option(
          "--open", words->open,
          "With --listen, behind NAT or a firewall with state: let in what this service address sends")
      ->type_name("ADDRESS[:PORT]");
  check
      ->add_option("--verified", words->verified,
                   "On a master: hand over what --listen --json found, for services with mode \"auto\"")
      ->type_name("FILE");
  check->callback([words, listen, &status] {
    words->listens = listen->count() > 0;
    status = run(*words);
  });
}

}  // namespace flagfall::check
