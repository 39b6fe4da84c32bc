#include "clocksync/ntp_keys.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)

namespace {

const std::string kText =  // NOLINT(cert-err58-cpp)
    "# made by chronyc keygen\n\n"
    "1 MD5 HEX:00\n"
    "  7\tAES128 HEX:000102030405060708090a0b0c0d0e0f\r\n"
    "8 AES256 ASCII:abcdefghijklmnopqrstuvwxyz012345\n"
    "9 AES128 HEX:0g\n"
    "10 AES128 tooshort\n"
    "11 AES128 HEX:000";

}  // namespace

BOOST_AUTO_TEST_SUITE(ntp_keys)

BOOST_AUTO_TEST_CASE(chronys_key_file_is_read) {
  const auto seven = find_ntp_key(kText, 7, "keys");
  BOOST_REQUIRE(seven.ok());
  BOOST_TEST(seven->size() == 16U);
  BOOST_TEST(int{seven->at(15)} == 15);
  const auto eight = find_ntp_key(kText, 8, "keys");
  BOOST_REQUIRE(eight.ok());
  BOOST_TEST(eight->size() == 32U);
  BOOST_TEST(eight->front() == 'a');
}

BOOST_AUTO_TEST_CASE(every_fault_names_its_line) {
  BOOST_TEST(find_ntp_key(kText, 1, "keys").error().starts_with("keys:3: key 1 must be of type AES128"));
  BOOST_TEST(find_ntp_key(kText, 9, "keys").error().starts_with("keys:6: an AES128 key has 16 octets"));
  BOOST_TEST(find_ntp_key(kText, 10, "keys").error().starts_with("keys:7: "));
  BOOST_TEST(find_ntp_key(kText, 11, "keys").error().starts_with("keys:8: "));
  BOOST_TEST(find_ntp_key(kText, 12, "keys").error() == "keys: no key 12");
  BOOST_TEST(find_ntp_key("x AES128 y\n", 1, "keys").error() ==
             "keys:1: a line begins with the key's number");
  BOOST_TEST(!find_ntp_key("", 1, "keys").ok());
}

BOOST_AUTO_TEST_CASE(a_file_that_others_may_read_is_refused) {
  const auto path = std::filesystem::temp_directory_path() / ("ffkeys." + std::to_string(getpid()));
  std::ofstream(path) << kText;
  chmod(path.c_str(), 0644);
  BOOST_TEST(read_ntp_key(path, 7).error().find("chmod 640") != std::string::npos);
  chmod(path.c_str(), 0640);
  BOOST_TEST(read_ntp_key(path, 7).ok());
  std::filesystem::remove(path);
  BOOST_TEST(read_ntp_key(path, 7).error().find("No such file") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
