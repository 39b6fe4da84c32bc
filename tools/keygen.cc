#include "tools/keygen.hh"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "common/net/certificates.hh"
#include "tools/commands.hh"

namespace flagfall::tools {
namespace {

constexpr unsigned kCaDays = 3650;
constexpr unsigned kHostDays = 730;
constexpr unsigned kMostDays = 36500;  // a date of 64-bit nanoseconds ends in 2262

}  // namespace

int keygen(const KeygenOptions& options, RealTime now, std::ostream& out, std::ostream& error) {
  const auto failed = [&](const std::string& text) {
    error << "flagfall keygen: " << text << '\n';
    return 1;
  };
  if (!options.ca && options.hosts.empty()) {
    error << "flagfall keygen: nothing to make: give --ca DIR for a CA, or the hosts' names\n";
    return 2;
  }
  // All names first: half a set of files helps nobody.
  for (const std::string& host : options.hosts)
    if (const auto good = net::check_host_name(host); !good) return failed(good.error());
  const std::string directory = options.ca.value_or(options.directory);
  net::CertificateOptions with{directory, std::chrono::days(options.days.value_or(kCaDays)), options.force};
  if (options.ca) {
    if (const auto made = net::make_ca(with, now); !made) return failed(made.error());
    out << fmt::format("{0}/ca.crt  for every host\n{0}/ca.key  signs new hosts: keep it here, and safe\n",
                       directory);
  }
  with.validity = std::chrono::days(options.days.value_or(kHostDays));
  for (const std::string& host : options.hosts) {
    if (const auto made = net::make_certificate(host, with, now); !made) return failed(made.error());
    out << fmt::format("{0}/{1}.crt, {0}/{1}.key  for {1}\n", directory, host);
  }
  return 0;
}

void add_keygen(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("keygen", "Make a CA, and certificates for masters and slaves");
  const auto options = std::make_shared<KeygenOptions>();
  command->add_option("HOST", options->hosts, "Names of hosts, as the masters' configuration gives them");
  CLI::Option* ca = command->add_option("--ca", options->ca, "Make a new CA in this directory");
  command
      ->add_option("--dir", options->directory, "The directory of the CA that signs, and of the files made")
      ->capture_default_str()
      ->excludes(ca);
  command->add_option("--days", options->days, "How long they are valid (3650 for a CA, 730 for a host)")
      ->check(CLI::Range(1U, kMostDays));
  command->add_flag("--force", options->force, "Replace files that exist");
  command->callback(
      [options, &status] { status = keygen(*options, SystemClock().real(), std::cout, std::cerr); });
}

}  // namespace flagfall::tools
