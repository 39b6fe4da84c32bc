// The master's sites and borders: what names what, over the whole file.
#include <boost/test/unit_test.hpp>
#include <string>

#include "master/config.hh"

namespace {

constexpr const char* kGood = R"([dns]
listen = ["192.0.2.1:53"]
[[zone]]
origin = "example.test"
file = "example.test.zone"
[control]
listen = "192.0.2.1"
ca = "ca.crt"
certificate = "m.crt"
key = "m.key"
[[site]]
name = "fra"
[[site.border]]
name = "north"
[[site.border]]
name = "south"
[paths]
site = "fra"
[[service]]
name = "web"
names = ["www.example.test"]
[[service.slave]]
name = "fra"
answers = ["192.0.2.10"]
site = "fra"
[[service.slave.border]]
border = "north"
answers = ["192.0.2.11"]
[[service.slave.border]]
border = "south"
answers = ["192.0.2.12"]
)";

std::string error_of(const std::string& what, const std::string& with) {
  std::string text = kGood;
  const auto at = text.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  const auto config = flagfall::master::schema().parse(text.replace(at, what.size(), with), "m");
  return config ? "good" : config.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(borders_of_a_server_are_read) {
  const auto config = flagfall::master::schema().parse(kGood, "m");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error()));
  const auto& slave = config->services[0].slaves[0];
  BOOST_TEST(slave.site == "fra");
  BOOST_TEST(slave.borders.size() == 2U);
  BOOST_TEST(slave.borders[1].border == "south");
}

BOOST_AUTO_TEST_CASE(names_of_nothing_are_told_at_their_line) {
  BOOST_TEST(
      error_of("answers = [\"192.0.2.10\"]\nsite = \"fra\"", "answers = [\"192.0.2.10\"]\nsite = \"ams\"") ==
      "m:25: service.0.slave.0.site: no site 'ams': add its [[site]], or correct the name");
  BOOST_TEST(error_of("answers = [\"192.0.2.10\"]\nsite = \"fra\"", "answers = [\"192.0.2.10\"]")
                 .ends_with("service.0.slave.0.site: with borders, write the server's site"));
  BOOST_TEST(error_of("border = \"north\"", "border = \"west\"") ==
             "m:27: service.0.slave.0.border.0.border: no border 'west'; there are: north, south");
  BOOST_TEST(
      error_of("[paths]\nsite = \"fra\"", "")
          .ends_with("paths.site: with borders, write the site of this master: requests come in there"));
}

BOOST_AUTO_TEST_CASE(an_address_stands_for_one_border_of_one_server) {
  BOOST_TEST(error_of("192.0.2.12", "192.0.2.11") ==
             "m:31: service.0.slave.0.border.1.answers.0: 192.0.2.11 stands for border 'north' of slave "
             "'fra' already");
}

BOOST_AUTO_TEST_SUITE_END()
