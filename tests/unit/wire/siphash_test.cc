#include "common/wire/siphash.hh"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <vector>

#include "common/base/random.hh"

using flagfall::Bytes;
using flagfall::wire::siphash24;
using flagfall::wire::SipKey;

namespace {

/// OpenSSL's SipHash-2-4 with 8 octets of output.
std::uint64_t openssl_siphash(const SipKey& key, Bytes data) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr),
                                                              EVP_MAC_free);
  BOOST_REQUIRE(mac);
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(mac.get()),
                                                                          EVP_MAC_CTX_free);
  std::size_t size = 8;
  const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                         OSSL_PARAM_construct_end()};
  std::array<std::uint8_t, 8> out{};
  std::size_t written = 0;
  BOOST_REQUIRE(EVP_MAC_init(context.get(), key.data(), key.size(), params.data()) == 1);
  BOOST_REQUIRE(EVP_MAC_update(context.get(), data.data(), data.size()) == 1);
  BOOST_REQUIRE(EVP_MAC_final(context.get(), out.data(), &written, out.size()) == 1);
  std::uint64_t v = 0;
  for (std::size_t i = 8; i-- > 0;) v = v << 8 | out.at(i);
  return v;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(siphash)

BOOST_AUTO_TEST_CASE(it_gives_the_value_of_the_papers_appendix) {
  SipKey key{};
  std::array<std::uint8_t, 15> data{};
  for (std::size_t i = 0; i < key.size(); ++i) key.at(i) = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < data.size(); ++i) data.at(i) = static_cast<std::uint8_t>(i);
  BOOST_TEST(siphash24(key, data) == 0xa129ca6149be45e5U);
}

BOOST_AUTO_TEST_CASE(it_equals_openssls_for_every_length_and_many_keys) {
  flagfall::SeededRandom random(11);
  for (std::size_t length = 0; length < 200; ++length) {
    SipKey key{};
    for (auto& octet : key) octet = static_cast<std::uint8_t>(random.next());
    std::vector<std::uint8_t> data(length);
    for (auto& octet : data) octet = static_cast<std::uint8_t>(random.next());
    BOOST_TEST(siphash24(key, data) == openssl_siphash(key, data));
  }
}

BOOST_AUTO_TEST_SUITE_END()
