#include "common/net/cmac.hh"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace flagfall;  // NOLINT(*-using-namespace)

namespace {

std::vector<std::uint8_t> hex(std::string_view text) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  return out;
}

void check(net::AesCmac& mac, const std::vector<std::uint8_t>& message, std::string_view wanted) {
  const auto digest = mac(message);
  const auto expected = hex(wanted);
  BOOST_CHECK_EQUAL_COLLECTIONS(digest.begin(), digest.end(), expected.begin(), expected.end());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cmac)

BOOST_AUTO_TEST_CASE(the_vectors_of_rfc_4493_come_out_in_any_order) {
  net::AesCmac mac(hex("2b7e151628aed2a6abf7158809cf4f3c"));
  const auto message =
      hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const auto first = [&](std::size_t n) {
    return std::vector<std::uint8_t>(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(n));
  };
  for (int round = 0; round < 2; ++round) {
    check(mac, {}, "bb1d6929e95937287fa37d129b756746");
    check(mac, first(16), "070a16b46b4d4144f79bdd9dd04a287c");
    check(mac, first(40), "dfa66747de9ae63030ca32611497c827");
    check(mac, first(64), "51f0bebf7e3b9d92fc49741779363cfe");
  }
}

BOOST_AUTO_TEST_CASE(a_256_bit_key_gives_the_vectors_of_sp_800_38b) {
  net::AesCmac mac(hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
  check(mac, {}, "028962f61b7bf89efc6b551f4667d983");
  check(mac, hex("6bc1bee22e409f96e93d7e117393172a"), "28a7023f452e8f82bd4bf28d8c37c35c");
}

BOOST_AUTO_TEST_CASE(keys_of_other_sizes_are_refused) {
  for (const std::size_t size : {0U, 15U, 24U, 33U})
    BOOST_CHECK_THROW(net::AesCmac(std::vector<std::uint8_t>(size)), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
