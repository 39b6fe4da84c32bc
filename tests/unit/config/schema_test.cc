// The whole way: text in, a filled struct or errors with file and line out.
#include "common/config/schema.hh"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace std::chrono_literals;
namespace config = flagfall::config;
using flagfall::Nanos;

namespace {

enum class Late : std::uint8_t { send, drop };

struct Slave {
  std::string name;
  std::vector<flagfall::IpAddress> answers;
};
struct Service {
  std::string name;
  Nanos delay = 25ms;
  Late late = Late::send;
  std::vector<Slave> slaves;
};
struct Dns {
  std::vector<flagfall::Endpoint> listen;
  std::uint16_t udp_size = 1232;
  config::ByteSize buffer{4 << 20};
  double share = 0.5;
  bool strict = false;
  std::optional<Nanos> guard;
  config::Path secrets;
  std::vector<flagfall::Prefix> trusted;
};
struct Root {
  Dns dns;
  std::vector<Service> services;
};

config::Schema<Root> make_schema() {
  const auto slave = config::Schema<Slave>()
                         .key("name", &Slave::name, {.help = "The slave's name", .required = true})
                         .key("answers", &Slave::answers, {.help = "What it answers", .required = true});
  const auto service =
      config::Schema<Service>()
          .key("name", &Service::name, {.help = "The service's name", .required = true})
          .key("delay", &Service::delay, {.help = "Time to the instant", .least = "1ms", .most = "1s"})
          .choice("late", &Service::late, {{"send", Late::send}, {"drop", Late::drop}},
                  {.help = "Late orders"})
          .list("slave", &Service::slaves, slave, {.help = "Slaves", .required = true});
  const auto dns =
      config::Schema<Dns>()
          .key("listen", &Dns::listen, {.help = "Addresses", .required = true, .port = 53})
          .key("udp_size", &Dns::udp_size, {.help = "Largest answer", .least = "512", .most = "4096"})
          .key("buffer", &Dns::buffer, {.help = "Socket buffer", .most = "64MiB"})
          .key("share", &Dns::share, {.help = "A share", .least = "0", .most = "1"})
          .key("strict", &Dns::strict, {.help = "Strictness"})
          .key("guard", &Dns::guard, {.help = "Guard time"})
          .key("secrets", &Dns::secrets, {.help = "Secrets"})
          .key("trusted", &Dns::trusted, {.help = "Trusted clients"});
  return config::Schema<Root>()
      .section("dns", &Root::dns, dns, "The DNS front end")
      .list("service", &Root::services, service, {.help = "Services"})
      .check([](const Root& root, const config::Where& where) {
        for (std::size_t i = 1; i < root.services.size(); ++i)
          if (root.services[i].name == root.services[i - 1].name)
            where.error("service." + std::to_string(i) + ".name", "is there twice");
      });
}

constexpr auto kGood = R"([dns]
listen = ["192.0.2.1", "[2001:db8::1]:5353"]
udp_size = 1400
buffer = "1.5MiB"
share = 1
strict = true
guard = "150us"
secrets = "keys/secrets"
trusted = ["192.0.2.0/24", "2001:db8::/32"]

[[service]]
name = "web"
delay = "1.5ms"
late = "drop"
  [[service.slave]]
  name = "fra"
  answers = ["192.0.2.10", "2001:db8:a::10"]
  [[service.slave]]
  name = "nyc"
  answers = ["192.0.2.11"]
)";

/// The errors of a text; empty when it was good.
std::string errors_of(std::string_view text) {
  const auto result = make_schema().parse(text, "m.toml");
  return result ? std::string() : result.error();
}
std::string errors_of_dns(const std::string& line) {
  return errors_of("[dns]\nlisten = [\"[::1]:53\"]\n" + line);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schema)

BOOST_AUTO_TEST_CASE(every_type_is_read_into_its_member) {
  const auto result = make_schema().parse(kGood, "/etc/flagfall/m.toml");
  BOOST_REQUIRE_MESSAGE(result.ok(), (result ? std::string() : result.error()));
  const Root& root = *result;
  BOOST_TEST(to_string(root.dns.listen.at(0)) == "192.0.2.1:53");
  BOOST_TEST(to_string(root.dns.listen.at(1)) == "[2001:db8::1]:5353");
  BOOST_TEST(root.dns.udp_size == 1400);
  BOOST_TEST(root.dns.buffer.bytes == 1536 * 1024);
  BOOST_TEST(root.dns.share == 1.0);
  BOOST_TEST(root.dns.strict);
  BOOST_CHECK(root.dns.guard == Nanos(150us));
  BOOST_TEST(root.dns.secrets.text == "/etc/flagfall/keys/secrets");
  BOOST_TEST(to_string(root.dns.trusted.at(1)) == "2001:db8::/32");
  BOOST_REQUIRE(root.services.size() == 1U);
  BOOST_CHECK(root.services[0].delay == Nanos(1500us));
  BOOST_CHECK(root.services[0].late == Late::drop);
  BOOST_REQUIRE(root.services[0].slaves.size() == 2U);
  BOOST_TEST(root.services[0].slaves[1].name == "nyc");
}

BOOST_AUTO_TEST_CASE(the_structs_own_values_are_the_defaults) {
  const auto result = make_schema().parse("[dns]\nlisten = [\"192.0.2.1:53\"]\n", "m.toml");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->dns.udp_size == 1232);
  BOOST_TEST(result->dns.buffer.bytes == 4 << 20);
  BOOST_TEST(!result->dns.guard.has_value());
  BOOST_TEST(result->services.empty());
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_an_error_with_its_line_and_a_suggestion) {
  BOOST_TEST(errors_of_dns("udp_sise = 1400") ==
             "m.toml:3: dns.udp_sise: no such key; did you mean udp_size?");
  BOOST_TEST(errors_of_dns("colour = 1") == "m.toml:3: dns.colour: no such key");
  BOOST_TEST(errors_of_dns("\n[servise]\nname='x'") ==
             "m.toml:4: servise: no such key; did you mean service?");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_says_what_is_expected_with_an_example_and_what_was_found) {
  BOOST_TEST(errors_of_dns("udp_size = \"big\"") ==
             "m.toml:3: dns.udp_size: expected an integer, such as 1, found the string \"big\"");
  BOOST_TEST(errors_of_dns("guard = 25") ==
             "m.toml:3: dns.guard: expected a duration, such as \"25ms\", found the integer 25");
  BOOST_TEST(errors_of_dns("strict = 1") ==
             "m.toml:3: dns.strict: expected a boolean, such as true, found the integer 1");
  BOOST_TEST(errors_of_dns("trusted = \"::/0\"") ==
             "m.toml:3: dns.trusted: expected an array of prefix, such as [\"192.0.2.0/24\"], found the "
             "string \"::/0\"");
  BOOST_TEST(errors_of_dns("secrets = 2001-01-01") ==
             "m.toml:3: dns.secrets: expected a string, such as \"text\", found a date or time");
}

BOOST_AUTO_TEST_CASE(ranges_are_checked_in_the_keys_own_notation) {
  BOOST_TEST(errors_of_dns("udp_size = 70000") == "m.toml:3: dns.udp_size: 70000 is too large: at most 4096");
  BOOST_TEST(errors_of_dns("udp_size = -1") == "m.toml:3: dns.udp_size: -1 is too small: at least 512");
  BOOST_TEST(errors_of_dns("share = 1.5") == "m.toml:3: dns.share: 1.5 is too large: at most 1");
  BOOST_TEST(errors_of_dns("share = nan") == "m.toml:3: dns.share: must be a finite number");
  BOOST_TEST(errors_of_dns("buffer = \"1GiB\"") ==
             "m.toml:3: dns.buffer: the string \"1GiB\" is too large: at most 64MiB");
  BOOST_TEST(errors_of_dns("buffer = -1") ==
             "m.toml:3: dns.buffer: the integer -1 is too small: at least 0B");
  BOOST_TEST(
      errors_of_dns("[[service]]\nname='x'\ndelay='2s'\n[[service.slave]]\nname='a'\nanswers=['::1']") ==
      "m.toml:5: service.delay: 2s is too large: at most 1s");
}

BOOST_AUTO_TEST_CASE(an_element_of_an_array_is_blamed_on_its_own_line) {
  BOOST_TEST(errors_of_dns("trusted = [\n  '192.0.2.0/24',\n  '192.0.2.0/99',\n]")
                 .starts_with("m.toml:5: dns.trusted: "));
}

BOOST_AUTO_TEST_CASE(a_required_key_that_is_missing_is_described) {
  BOOST_TEST(errors_of("[dns]\n") ==
             "m.toml:1: dns.listen: is missing: Addresses; write listen = [\"192.0.2.1:53\"]");
  BOOST_TEST(errors_of("") ==
             "m.toml:1: dns.listen: is missing: Addresses; write listen = [\"192.0.2.1:53\"]");
  BOOST_TEST(errors_of("[dns]\nlisten = []") == "m.toml:2: dns.listen: must not be empty");
  BOOST_TEST(errors_of_dns("[[service]]\nname = 'x'") ==
             "m.toml:3: service.slave: is missing: Slaves; write [[service.slave]]");
}

BOOST_AUTO_TEST_CASE(a_word_that_is_no_choice_lists_the_choices) {
  BOOST_TEST(
      errors_of_dns("[[service]]\nname='x'\nlate='later'\n[[service.slave]]\nname='a'\nanswers=['::1']") ==
      "m.toml:5: service.late: expected \"send\" or \"drop\", found the string \"later\"");
}

BOOST_AUTO_TEST_CASE(all_errors_of_a_file_are_reported_and_their_number_is_bounded) {
  const std::string two = errors_of_dns("udp_size = 1\nshare = 7");
  BOOST_TEST(
      two ==
      "m.toml:3: dns.udp_size: 1 is too small: at least 512\nm.toml:4: dns.share: 7 is too large: at most 1");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "unknown" + std::to_string(i) + " = 1\n";
  const std::string errors = errors_of_dns(many);
  BOOST_TEST(std::count(errors.begin(), errors.end(), '\n') == 20);
  BOOST_TEST(errors.ends_with("\nand 980 more errors"));
}

BOOST_AUTO_TEST_CASE(a_section_in_the_wrong_form_says_how_to_write_it) {
  BOOST_TEST(errors_of("dns = 3") == "m.toml:1: dns: is a section: write [dns]");
  BOOST_TEST(errors_of_dns("[service]\nname='x'") ==
             "m.toml:3: service: is a list of sections: write [[service]]");
  BOOST_TEST(errors_of("service = [1]\n[dns]\nlisten=['[::1]:1']") ==
             "m.toml:1: service.: expected a table, found the integer 1");
}

BOOST_AUTO_TEST_CASE(a_rule_across_keys_points_at_the_line_of_a_key) {
  const std::string slave = "[[service.slave]]\nname='a'\nanswers=['::1']\n";
  BOOST_TEST(errors_of_dns("[[service]]\nname='x'\n" + slave + "[[service]]\nname='x'\n" + slave) ==
             "m.toml:9: service.1.name: is there twice");
}

BOOST_AUTO_TEST_CASE(what_is_printed_reads_back_to_the_same_and_prints_the_same) {
  const auto first = make_schema().parse(kGood, "/etc/m.toml");
  BOOST_REQUIRE(first.ok());
  const std::string printed = make_schema().print(*first);
  const auto second = make_schema().parse(printed, "/elsewhere/m.toml");
  BOOST_REQUIRE_MESSAGE(second.ok(), printed + (second ? std::string() : second.error()));
  BOOST_TEST(make_schema().print(*second) == printed);
  BOOST_TEST(second->dns.secrets.text == "/etc/keys/secrets");
  BOOST_TEST(second->services.at(0).slaves.at(0).name == "fra");
  BOOST_TEST(printed.find("# Largest answer (integer; 512 to 4096; default 1232)\nudp_size = 1400\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_without_a_value_is_printed_as_a_comment_with_an_example) {
  const auto result = make_schema().parse("[dns]\nlisten = ['[::1]:53']\n", "m.toml");
  BOOST_REQUIRE(result.ok());
  const std::string printed = make_schema().print(*result);
  BOOST_TEST(printed.find("\n# guard = \"25ms\"\n") != std::string::npos);
  BOOST_TEST(printed.find("\n# secrets = \"file\"\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_reference_has_a_row_for_every_key) {
  const std::string reference = make_schema().reference();
  BOOST_TEST(reference.find("### `[dns]`") != std::string::npos);
  BOOST_TEST(reference.find("### `[[service.slave]]`") != std::string::npos);
  BOOST_TEST(reference.find("| `udp_size` | integer | `1232` | 512 to 4096 | Largest answer |") !=
             std::string::npos);
  BOOST_TEST(reference.find("| `listen` | array of address:port | required |") != std::string::npos);
  BOOST_TEST(reference.find("| `late` | string | `\"send\"` | \"send\" or \"drop\" |") != std::string::npos);
  const auto names = make_schema().names();
  BOOST_TEST(names.size() == 13U);
  BOOST_TEST(std::count(names.begin(), names.end(), "service.slave.answers") == 1);
}

BOOST_AUTO_TEST_CASE(a_file_is_loaded_and_a_missing_one_is_named) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("flagfall-schema-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string file = (folder / "m.toml").string();
  std::ofstream(file) << kGood;
  const auto result = make_schema().load(file);
  std::filesystem::remove_all(folder);
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->dns.secrets.text == (folder / "keys/secrets").string());
  const auto missing = make_schema().load(file);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.error() == file + ": cannot be read: No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_suggestion_is_made_only_for_what_is_near) {
  const std::vector<std::string> known{"listen", "threads"};
  BOOST_TEST(config::nearest("listne", known) == "listen");
  BOOST_TEST(config::nearest("thread", known) == "threads");
  BOOST_TEST(config::nearest("x", known).empty());
  BOOST_TEST(config::nearest(std::string(100'000, 'l'), known).empty());
}

namespace {

struct Follow {
  double share = 0.9;
  std::optional<unsigned> nearest;
  Nanos most = 80ms;
};
struct Race {
  std::variant<Nanos, Follow> delay = Nanos(25ms);
};

config::Schema<Race> either_schema() {
  const auto follow = config::Schema<Follow>()
                          .key("share", &Follow::share, {.help = "A share", .least = "0.5", .most = "1"})
                          .key("nearest", &Follow::nearest, {.help = "How many", .least = "1", .most = "16"})
                          .key("most", &Follow::most, {.help = "The longest", .least = "1ms", .most = "5s"})
                          .check([](const Follow& f, const config::Where& where) {
                            if (f.most < 2ms && f.share > 0.95)
                              where.error("most", "is too little for such a share");
                          });
  return config::Schema<Race>().value_or_table("delay", &Race::delay, follow,
                                               {.help = "The delay",
                                                .least = "1ms",
                                                .most = "1s",
                                                .example = R"("25ms" or { share = 0.95, most = "80ms" })"});
}

Race either(const std::string& text) {
  const auto read = either_schema().parse(text, "m.toml");
  BOOST_REQUIRE_MESSAGE(read.ok(), (read ? std::string() : read.error()));
  return *read;
}

std::string either_error(const std::string& text) {
  const auto read = either_schema().parse(text, "m.toml");
  return read ? "no error" : read.error();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_key_may_be_a_value_or_a_table) {
  BOOST_CHECK(std::get<Nanos>(either("").delay) == 25ms);
  BOOST_CHECK(std::get<Nanos>(either("delay = '7ms'").delay) == 7ms);
  const auto follow = std::get<Follow>(either("delay = { nearest = 3, most = '60ms' }").delay);
  BOOST_TEST(follow.share == 0.9);
  BOOST_TEST(*follow.nearest == 3U);
  BOOST_CHECK(follow.most == 60ms);
  BOOST_CHECK(std::get<Follow>(either("[delay]\nshare = 0.75").delay).share == 0.75);
  BOOST_TEST(std::get<Follow>(either("delay = {}").delay).share == 0.9);
}

BOOST_AUTO_TEST_CASE(errors_in_either_form_say_where_and_what_would_do) {
  BOOST_TEST(either_error("delay = 25") ==
             R"(m.toml:1: delay: expected a duration, such as "25ms" or { share = 0.95, )"
             R"(most = "80ms" }, found the integer 25)");
  BOOST_TEST(either_error("delay = '2s'") == "m.toml:1: delay: 2s is too large: at most 1s");
  BOOST_TEST(either_error("\ndelay = { share = 2 }") == "m.toml:2: delay.share: 2 is too large: at most 1");
  BOOST_TEST(either_error("delay = { shar = 0.9 }") ==
             "m.toml:1: delay.shar: no such key; did you mean share?");
  BOOST_TEST(either_error("delay = { most = '1500us', share = 0.99 }") ==
             "m.toml:1: delay.most: is too little for such a share");
  BOOST_TEST(either_error("delay = { most = 5 }").starts_with("m.toml:1: delay.most: expected a duration"));
  BOOST_TEST(either_error("delay = []").find("found an array") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(either_form_prints_as_it_is_read_and_both_are_documented) {
  const auto schema = either_schema();
  const std::string text = schema.print(either("delay = { nearest = 3, most = '60ms' }"));
  BOOST_TEST(text.find("\ndelay = { share = 0.9, nearest = 3, most = \"60ms\" }\n") != std::string::npos);
  BOOST_TEST(text.find("(duration or table of share, nearest, most; 1ms to 1s; default \"25ms\")") !=
             std::string::npos);
  BOOST_TEST(*std::get<Follow>(either(text).delay).nearest == 3U);
  BOOST_TEST(schema.print(Race()).find("\ndelay = \"25ms\"\n") != std::string::npos);
  const std::string reference = schema.reference();
  BOOST_TEST(reference.find("| `delay` | duration or table | `\"25ms\"` | 1ms to 1s | The delay |") !=
             std::string::npos);
  BOOST_TEST(reference.find("| `delay.nearest` | integer |") != std::string::npos);
  BOOST_TEST(schema.names() == std::vector<std::string>{"delay"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
