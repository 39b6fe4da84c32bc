// The samples and the reference say what the programs understand, all of it.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "common/dns/zone.hh"
#include "master/config.hh"
#include "master/zones.hh"
#include "slave/config.hh"
#include "tests/source_path.hh"

namespace master = flagfall::master;
namespace slave = flagfall::slave;

namespace {

std::string file(const std::string& name) {
  return flagfall::test::source_path(name);
}

std::string read(const std::string& name) {
  std::ifstream in(file(name));
  BOOST_REQUIRE_MESSAGE(in, name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool starts_key(std::string_view line, std::string_view key) {
  const auto from = line.find_first_not_of("# ");
  if (from == std::string_view::npos) return false;
  line.remove_prefix(from);
  if (!line.starts_with(key)) return false;
  line.remove_prefix(key.size());
  return line.starts_with(" = ");
}

/// Whether a line, commented out or not, sets the key in its section.
bool mentions(const std::string& text, const std::string& full_name) {
  const std::size_t dot = full_name.rfind('.');
  const std::string section = full_name.substr(0, dot);
  const std::string key = full_name.substr(dot + 1);
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const auto from = line.find_first_not_of(' ');
    if (from != std::string::npos && line[from] == '[')
      inside = line.find("[" + section + "]") != std::string::npos;
    else if (inside && starts_key(line, key))
      return true;
  }
  return false;
}

template <class Config>
void check_sample(const flagfall::config::Schema<Config>& schema, const std::string& sample) {
  const auto loaded = schema.load(file(sample));
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded ? std::string() : loaded.error()));
  const std::string text = read(sample);
  for (const std::string& name : schema.names())
    BOOST_CHECK_MESSAGE(mentions(text, name), sample << " does not mention " << name);
}

/// The generated block of docs/configuration.md.
std::string documented(const std::string& program) {
  const std::string page = read("docs/configuration.md");
  const std::string start = "<!-- keys: " + program + " -->\n";
  const std::size_t from = page.find(start);
  BOOST_REQUIRE(from != std::string::npos);
  const std::size_t end = page.find("<!-- end -->", from);
  BOOST_REQUIRE(end != std::string::npos);
  return page.substr(from + start.size(), end - from - start.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(samples)

BOOST_AUTO_TEST_CASE(the_masters_sample_loads_and_mentions_every_key) {
  check_sample(master::schema(), "configs/flagfall-master.toml");
}

BOOST_AUTO_TEST_CASE(the_slaves_sample_loads_and_mentions_every_key) {
  check_sample(slave::schema(), "configs/flagfall-slave.toml");
}

BOOST_AUTO_TEST_CASE(a_key_is_mentioned_only_in_its_own_section) {
  BOOST_TEST(mentions("[a]\n# x = 1\n[b]\ny = 2\n", "a.x"));
  BOOST_TEST(!mentions("[a]\n# x = 1\n[b]\ny = 2\n", "b.x"));
  BOOST_TEST(!mentions("[a]\nxx = 1\n", "a.x"));
}

BOOST_AUTO_TEST_CASE(the_samples_fit_each_other) {
  const auto m = master::schema().load(file("configs/flagfall-master.toml"));
  const auto s = slave::schema().load(file("configs/flagfall-slave.toml"));
  BOOST_REQUIRE(m.ok() && s.ok());
  std::vector<flagfall::Endpoint> addresses = m->dns.listen;
  for (const auto& service : m->services)
    addresses.insert(addresses.end(), service.udp.listen.begin(), service.udp.listen.end());
  BOOST_TEST((s->transmit.sources == addresses));
  BOOST_REQUIRE(s->backends.size() == 2U);
  BOOST_TEST(s->backends[0].service == m->services.back().name);
  BOOST_REQUIRE(s->masters.size() == 1U);
  BOOST_TEST((s->masters[0].address == m->control.listen.all.at(0)));
}

BOOST_AUTO_TEST_CASE(the_samples_zone_loads_and_holds_the_raced_names) {
  const auto config = master::schema().load(file("configs/flagfall-master.toml"));
  BOOST_REQUIRE(config.ok());
  flagfall::SeededRandom random(1);
  const auto zones = master::load_zones(*config, random, {false, false});
  BOOST_REQUIRE_MESSAGE(zones.ok(), (zones ? std::string() : zones.error()));
  BOOST_REQUIRE((*zones)->size() == 1U);
  const flagfall::dns::Zone& zone = *(*zones)->front();
  BOOST_TEST(zone.record_count() >= 12U);
  BOOST_TEST(zone.warnings().empty());
}

BOOST_AUTO_TEST_CASE(what_a_sample_leaves_out_is_the_default_it_shows) {
  // Taking the comment sign from every `# key = value` line gives a file that means the same, but
  // for the keys without a default.
  for (const auto* sample : {"configs/flagfall-master.toml", "configs/flagfall-slave.toml"}) {
    std::istringstream lines(read(sample));
    std::string shown;
    for (std::string line; std::getline(lines, line);) {
      const auto example = [&](const char* key) { return line.starts_with(std::string("# ") + key + " = "); };
      const bool setting = line.starts_with("# ") && line.find(" = ") != std::string::npos &&
                           !example("secrets") && !example("servers") && !example("addresses") &&
                           !example("key_file") && !example("audit") && !example("listen") &&
                           !example("beacon_zone") && !example("sources") && !example("zone") &&
                           !example("certificate") && !example("redis") && !example("redis_password_file") &&
                           !line.starts_with("# database = \"/usr/share/GeoIP") && !example("key") &&
                           !example("token_file") && !example("report_token_file");
      shown += (setting ? line.substr(2) : line) + "\n";
    }
    const auto print = [&](const auto& schema) {
      const auto as_is = schema.load(file(sample));
      const auto uncommented = schema.parse(shown, file(sample));
      BOOST_REQUIRE_MESSAGE(uncommented.ok(), (uncommented ? std::string() : uncommented.error()));
      BOOST_TEST(schema.print(*as_is) == schema.print(*uncommented));
    };
    if (std::string_view(sample).find("master") != std::string_view::npos)
      print(master::schema());
    else
      print(slave::schema());
  }
}

BOOST_AUTO_TEST_CASE(the_reference_in_the_docs_is_what_the_schemas_say) {
  BOOST_CHECK_MESSAGE(documented("flagfall-master") == master::schema().reference(),
                      "docs/configuration.md is out of date: run scripts/docs");
  BOOST_CHECK_MESSAGE(documented("flagfall-slave") == slave::schema().reference(),
                      "docs/configuration.md is out of date: run scripts/docs");
}

BOOST_AUTO_TEST_SUITE_END()
