// `flagfall race`: its command line.
#include <fmt/format.h>
#include <netdb.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "common/config/types.hh"
#include "common/net/sockaddr.hh"
#include "common/wire/dns.hh"
#include "tools/admin_client.hh"
#include "tools/commands.hh"
#include "tools/dns_client.hh"
#include "tools/racer.hh"

namespace flagfall::tools {
namespace {

constexpr std::size_t kMostStatus = std::size_t{16} << 20;

/// Of the 3 s that the ledger of a master keeps a race, one is for the way of the report.
constexpr Nanos kMostReportedWait = std::chrono::seconds(2);

struct Words {
  std::string name;    // either order, as with dig
  std::string master;  //
  std::string type = "A";
  std::string interval = "1s";
  std::string wait = "1s";
  std::string status;
  std::string report;
  std::string token_file;
  std::string ca;
  bool no_cookie = false;
};

/// "192.0.2.1", "[2001:db8::1]:53", "ns1.example.test:5353".
Result<Endpoint> find_master(const std::string& text) {
  constexpr std::uint16_t kDnsPort = 53;
  if (auto literal = parse_endpoint(text, kDnsPort)) return literal;
  const std::size_t colon = text.find(':');
  const std::string host = text.substr(0, colon);
  const std::string port = colon == std::string::npos ? std::to_string(kDnsPort) : text.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  if (const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); failed != 0)
    return Error{fmt::format("@{}: {}; write @192.0.2.1, @[2001:db8::1]:53 or a host's name", text,
                             gai_strerror(failed))};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next)
    if (const auto endpoint = net::to_endpoint(*one->ai_addr, one->ai_addrlen)) return *endpoint;
  return Error{fmt::format("@{}: no address", text)};
}

Result<Nanos> at_least_a_millisecond(const std::string& text, const char* option) {
  auto parsed = config::parse_duration(text);
  if (!parsed) return Error{fmt::format("{}: {}", option, parsed.error())};
  if (*parsed < std::chrono::milliseconds(1)) return Error{fmt::format("{}: at least 1ms", option)};
  return parsed;
}

/// From the admin socket of the master on this host, or from a file that `flagfall status --json` wrote.
Result<RaceErrors> load_errors(const std::string& path) {
  std::error_code none;
  if (!std::filesystem::is_socket(path, none)) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMostStatus + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) return Error{fmt::format("{}: cannot be read", path)};
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMostStatus) return Error{fmt::format("{}: too large for a status", path)};
    auto errors = read_race_errors(text);
    return errors ? std::move(errors) : Error{fmt::format("{}: {}", path, errors.error())};
  }
  const auto response = admin_request(path, "GET", "/status");
  if (!response) return Error{response.error()};
  if (response->status != 200)
    return Error{fmt::format("{}: the master answered with HTTP status {}", path, response->status)};
  return read_race_errors(response->body);
}

Status complete_report(const Words& words, RaceOptions& options) {
  if (words.report.empty()) {
    if (words.token_file.empty() && words.ca.empty()) return Ok{};
    return Error{"--token-file and --ca are for --report"};
  }
  if (options.wait > kMostReportedWait)
    return Error{"--report: the master remembers a race for 3 s: --wait at most 2s"};
  auto target = parse_admin_target(words.report);
  if (!target) return Error{"--report " + target.error()};
  target->ca = words.ca;
  if (!words.token_file.empty()) {
    auto token = read_token(words.token_file);
    if (!token) return Error{"--token-file " + token.error()};
    target->token = std::move(*token);
  } else if (target->socket.empty()) {
    return Error{"--report: a listener over TCP takes no report without a token; name it with --token-file"};
  }
  options.report = std::move(*target);
  return Ok{};
}

Status complete(const Words& words, RaceOptions& options) {
  std::string master;
  for (const std::string& word : {words.name, words.master}) {
    std::string& place = word.starts_with('@') ? master : options.pattern;
    place = word.starts_with('@') ? word.substr(1) : word;
  }
  if (master.empty() || options.pattern.empty())
    return Error{
        "write one NAME and one @MASTER, for example: flagfall race '*.race.example.test' @192.0.2.1"};
  const auto endpoint = find_master(master);
  if (!endpoint) return Error{endpoint.error()};
  options.master = *endpoint;
  // A filled label is twelve characters: check the longest that will be asked.
  SeededRandom any(1);
  if (const auto name = wire_name(fill_pattern(options.pattern, any)); !name) return Error{name.error()};
  const auto interval = at_least_a_millisecond(words.interval, "--interval");
  if (!interval) return Error{interval.error()};
  options.interval = *interval;
  const auto wait = at_least_a_millisecond(words.wait, "--wait");
  if (!wait) return Error{wait.error()};
  options.wait = *wait;
  options.type = words.type == "AAAA" ? wire::rrtype::kAaaa : wire::rrtype::kA;
  options.cookie = !words.no_cookie;
  if (Status good = complete_report(words, options); !good) return good;
  if (words.status.empty()) return Ok{};
  auto errors = load_errors(words.status);
  if (!errors) return Error{"--status: " + errors.error()};
  options.errors = std::move(*errors);
  return Ok{};
}

int run(const Words& words, RaceOptions& options) {
  if (const Status good = complete(words, options); !good) {
    std::cerr << "flagfall race: " << good.error() << '\n';
    return 2;
  }
  if (options.count != 1 && options.pattern.find('*') == std::string::npos)
    std::cerr
        << "flagfall race: note: who asks the same name again within the master's race.retry_window gets an "
           "ordinary answer; race a wildcard ('*.race.example.test') for a race each time\n";
  const SystemClock clock;
  SystemRandom random;
  return race(options, clock, random, std::cout, std::cerr);
}

}  // namespace

void add_race(CLI::App& app, int& status) {
  CLI::App* race =
      app.add_subcommand("race", "Ask a raced name, keep listening, and print every answer with its time");
  const auto words = std::make_shared<Words>();
  const auto options = std::make_shared<RaceOptions>();
  race->add_option("name", words->name,
                   "The name to ask; its label * becomes random characters in each query")
      ->type_name("NAME")
      ->required();
  race->add_option("master", words->master, "Whom to ask: address or host name, and a port if it is not 53")
      ->type_name("@MASTER[:PORT]")
      ->required();
  race->add_option("-t,--type", words->type, "A or AAAA")
      ->check(CLI::IsMember({"A", "AAAA"}))
      ->capture_default_str();
  race->add_option("-c,--count", options->count, "End after so many races; 0: at Ctrl-C")
      ->capture_default_str();
  race->add_option("-i,--interval", words->interval, "Between two queries, such as 200ms")
      ->capture_default_str();
  race->add_option("-w,--wait", words->wait, "How long to listen for answers to a query")
      ->capture_default_str();
  race->add_option(
          "--status", words->status,
          "The master's admin socket, or what flagfall status --json wrote: marks races within error")
      ->type_name("PATH");
  race->add_option(
          "--report", words->report,
          "Tell the master what arrived: https://HOST:PORT of its admin listener, or its admin socket")
      ->type_name("URL");
  race->add_option("--token-file", words->token_file, "The token of that listener")->type_name("FILE");
  race->add_option("--ca", words->ca,
                   "The CA of its certificate, in PEM; otherwise those that this host trusts")
      ->type_name("FILE");
  race->add_flag("--json", options->json, "One JSON object a race, nothing else");
  race->add_flag("--random-case", options->random_case, "Random case in the name that is asked (0x20)");
  race->add_flag("--no-cookie", words->no_cookie,
                 "Send no DNS cookie: a source that the master cannot verify");
  race->callback([words, options, &status] { status = run(*words, *options); });
}

}  // namespace flagfall::tools
