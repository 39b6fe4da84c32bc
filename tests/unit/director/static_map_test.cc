// Prefix files: what is right is a map, what is wrong is told at its line.
#include "director/static_map.hh"

#include <unistd.h>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <vector>

using flagfall::Prefix;
using flagfall::director::kMostStaticPrefixes;
using flagfall::director::load_static_map;
using flagfall::director::Order;
using flagfall::director::parse_static_map;
using flagfall::director::PrefixOrders;

namespace {

const std::vector<std::string> kServers{"fra", "iad", "sin"};

Prefix prefix(const char* text) {
  return *flagfall::parse_prefix(text);
}

std::string error_of(std::string_view text) {
  const auto read = parse_static_map(text, "p", kServers);
  return read.ok() ? "" : read.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(static_map)

BOOST_AUTO_TEST_CASE(each_line_is_a_prefix_and_its_servers_best_first) {
  const auto read = parse_static_map(
      "# ours\n"
      "2001:db8::/32 sin\r\n"
      "\n"
      "192.0.2.0/24\tiad fra # the office\n"
      "  192.0.2.7 sin#a host\n"
      "0.0.0.0/0 fra",
      "p", kServers);
  BOOST_REQUIRE(read.ok());
  Order office = Order::of(1);
  office.push(0);
  const PrefixOrders expected{{prefix("0.0.0.0/0"), Order::of(0)},
                              {prefix("192.0.2.0/24"), office},
                              {prefix("192.0.2.7/32"), Order::of(2)},
                              {prefix("2001:db8::/32"), Order::of(2)}};
  BOOST_TEST(read->size() == expected.size());
  for (const auto& entry : expected) BOOST_TEST(std::ranges::count(*read, entry) == 1);
  BOOST_TEST(read->at(1).order.group == 1);
}

BOOST_AUTO_TEST_CASE(a_file_without_a_line_is_an_empty_map) {
  for (const auto* text : {"", "\n\n", "#", "# x", "   \t"})
    BOOST_TEST(parse_static_map(text, "p", kServers)->empty());
}

BOOST_AUTO_TEST_CASE(each_mistake_is_told_at_its_line) {
  BOOST_TEST(error_of("10.0.0.0/8 fra\n10.0.0.1/8 fra") ==
             "p:2: '10.0.0.1/8' has bits set beyond its length");
  BOOST_TEST(error_of("\n10.0.0.0/8 ham") == "p:2: no server 'ham'; there are: fra, iad, sin");
  BOOST_TEST(error_of("10.0.0.0/8") == "p:1: '10.0.0.0/8' without a server");
  BOOST_TEST(error_of("10.0.0.0/8 # fra") == "p:1: '10.0.0.0/8' without a server");
  BOOST_TEST(error_of("10.0.0.0/33 fra") == "p:1: '10.0.0.0/33': the length must be 0 to 32");
  BOOST_TEST(error_of("10.0.0.0/8 fra fra") == "p:1: server 'fra' is there twice");
  BOOST_TEST(error_of("10.0.0.0/8 fra\n::/0 fra\n10.0.0.0/8 iad") ==
             "p:3: '10.0.0.0/8' is there already, in line 1");
  BOOST_TEST(error_of("fra 10.0.0.0/8") ==
             "p:1: 'fra' is not a prefix (write 192.0.2.0/24 or 2001:db8::/32)");
}

BOOST_AUTO_TEST_CASE(all_mistakes_are_told_at_once_and_nobodys_terminal_is_in_them) {
  const std::string error = error_of("x fra\n10.0.0.0/8 \x1b[2J\xff\n::/0 fra");
  BOOST_TEST(error ==
             "p:1: 'x' is not a prefix (write 192.0.2.0/24 or 2001:db8::/32)\n"
             "p:2: no server '?[2J?'; there are: fra, iad, sin");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += std::string(5000, 'x') + " fra\n";
  BOOST_TEST(error_of(many).size() < 10000U);
}

BOOST_AUTO_TEST_CASE(more_servers_than_an_order_holds_are_an_error) {
  std::vector<std::string> servers;
  std::string line = "::/0";
  for (int i = 0; i < 9; ++i) {
    servers.push_back("s" + std::to_string(i));
    line += " " + servers.back();
  }
  BOOST_TEST(parse_static_map(line, "p", servers).error() == "p:1: more than 8 servers");
  BOOST_TEST(parse_static_map(line.substr(0, line.size() - 3), "p", servers)->front().order.count == 8);
}

BOOST_AUTO_TEST_CASE(a_map_is_bounded) {
  std::string text;
  for (std::size_t i = 0; i <= kMostStaticPrefixes; ++i)
    text += std::to_string(1 + (i >> 16)) + "." + std::to_string(i >> 8 & 255) + "." +
            std::to_string(i & 255) + ".0/24 fra\n";
  BOOST_TEST(parse_static_map(text, "p", kServers).error() == "p:1000001: more than 1000000 prefixes");
  text.resize(text.rfind('\n', text.size() - 2) + 1);
  BOOST_TEST(parse_static_map(text, "p", kServers)->size() == kMostStaticPrefixes);
}

BOOST_AUTO_TEST_CASE(a_file_is_read_and_one_that_cannot_be_is_told) {
  std::string path = (std::filesystem::temp_directory_path() / "flagfall-static-XXXXXX").string();
  const int fd = mkstemp(path.data());
  BOOST_REQUIRE(fd >= 0);
  std::ofstream(path) << "192.0.2.0/24 iad\nx\n";
  close(fd);
  BOOST_TEST(load_static_map(path, kServers).error().starts_with(path + ":2: 'x' is not a prefix"));
  std::filesystem::remove(path);
  BOOST_TEST(load_static_map(path, kServers).error() == path + ": cannot be read: No such file or directory");
  BOOST_TEST(load_static_map("/", kServers).error() == "/: is a folder, not a file");
  BOOST_TEST(load_static_map("/dev/zero", kServers).error() == "/dev/zero: larger than 134217728 octets");
}

BOOST_AUTO_TEST_SUITE_END()
