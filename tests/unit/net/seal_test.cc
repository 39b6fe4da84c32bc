#include "common/net/seal.hh"

#include <openssl/crypto.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::Opener;
using net::Sealer;
using net::SealKey;
using Verdict = net::Opener::Verdict;

namespace {

/// Every allocation inside libcrypto, counted from before its first one.
// NOLINTBEGIN(*-owning-memory,*-no-malloc): C's interface
std::atomic<unsigned> allocations{0};
const bool kCounting = CRYPTO_set_mem_functions(
                           [](std::size_t n, const char*, int) {
                             ++allocations;
                             return std::malloc(n);
                           },
                           [](void* p, std::size_t n, const char*, int) {
                             ++allocations;
                             return std::realloc(p, n);
                           },
                           [](void* p, const char*, int) { std::free(p); }) == 1;
// NOLINTEND(*-owning-memory,*-no-malloc)

constexpr SealKey kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr SealKey kOther{9};

std::vector<std::uint8_t> sealed(Sealer& sealer, std::string_view text) {
  std::vector<std::uint8_t> datagram(text.size() + net::kSealOverhead);
  std::ranges::copy(as_bytes(text), datagram.begin() + net::kSealHeader);
  BOOST_TEST(sealer.seal(datagram, text.size()) == datagram.size());
  return datagram;
}

Verdict verdict(Opener& opener, std::vector<std::uint8_t> datagram) {
  return opener.open(datagram).verdict;
}

}  // namespace

namespace flagfall::net {
std::ostream& operator<<(std::ostream& out, Opener::Verdict v) {
  return out << static_cast<int>(v);
}
}  // namespace flagfall::net

BOOST_AUTO_TEST_SUITE(seal)

BOOST_AUTO_TEST_CASE(what_was_sealed_opens_to_the_same_bytes) {
  Sealer sealer(kKey, 77, 3);
  Opener opener(kKey);
  for (const std::string_view text :
       {"", "a", "an order datagram that is longer than one block of the cipher"}) {
    auto datagram = sealed(sealer, text);
    const auto opened = opener.open(datagram);
    BOOST_TEST(opened.verdict == Verdict::ok);
    BOOST_TEST(as_text(opened.plaintext) == text);
  }
}

BOOST_AUTO_TEST_CASE(the_clear_header_names_session_channel_and_counter) {
  Sealer sealer(kKey, 0x01020304, 5);
  (void)sealed(sealer, "x");
  const auto datagram = sealed(sealer, "y");
  const std::vector<std::uint8_t> expected{0xf1, 0xa6, 1, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1};
  BOOST_TEST(std::vector<std::uint8_t>(datagram.begin(), datagram.begin() + 16) == expected,
             boost::test_tools::per_element());
  const auto header = net::parse_seal_header(datagram);
  BOOST_REQUIRE(header.has_value());
  BOOST_TEST(header->session == 0x01020304U);
  BOOST_TEST(header->channel == 5);
  BOOST_TEST(header->counter == 1U);
}

BOOST_AUTO_TEST_CASE(it_is_the_standards_aes_gcm) {
  // NIST's GCM test case 1: zero key, zero nonce; with our header as additional data the tag differs,
  // but the first block of key stream does not: E(K, nonce || 2) of "The Galois/Counter Mode", test case 2.
  Sealer sealer(SealKey{}, 0, 0);
  const std::vector<std::uint8_t> block{0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92,
                                        0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78};
  const auto datagram = sealed(sealer, std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
  BOOST_TEST(std::vector<std::uint8_t>(datagram.begin() + 16, datagram.begin() + 32) == block,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_replayed_datagram_is_dropped) {
  Sealer sealer(kKey, 1, 0);
  Opener opener(kKey);
  const auto datagram = sealed(sealer, "once");
  BOOST_TEST(verdict(opener, datagram) == Verdict::ok);
  BOOST_TEST(verdict(opener, datagram) == Verdict::replayed);
}

BOOST_AUTO_TEST_CASE(reordered_datagrams_pass_and_stale_ones_do_not) {
  Sealer sealer(kKey, 1, 0);
  Opener opener(kKey);
  std::vector<std::vector<std::uint8_t>> sent;
  sent.reserve(3000);
  for (int i = 0; i < 3000; ++i) sent.push_back(sealed(sealer, "x"));
  BOOST_TEST(verdict(opener, sent[2999]) == Verdict::ok);
  BOOST_TEST(verdict(opener, sent[1500]) == Verdict::ok);
  BOOST_TEST(verdict(opener, sent[2998]) == Verdict::ok);
  BOOST_TEST(verdict(opener, sent[100]) == Verdict::replayed);
}

BOOST_AUTO_TEST_CASE(channels_have_windows_and_nonces_of_their_own) {
  Sealer first(kKey, 1, 0);
  Sealer second(kKey, 1, 255);
  Opener opener(kKey);
  const auto a = sealed(first, "same text");
  const auto b = sealed(second, "same text");
  BOOST_TEST(verdict(opener, a) == Verdict::ok);
  BOOST_TEST(verdict(opener, b) == Verdict::ok);
  BOOST_TEST(!std::equal(a.begin() + 16, a.end(), b.begin() + 16));
}

BOOST_AUTO_TEST_CASE(any_changed_bit_is_noticed) {
  Sealer sealer(kKey, 1, 0);
  const auto datagram = sealed(sealer, "twenty octets of text");
  for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
    Opener opener(kKey);
    auto changed = datagram;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    BOOST_TEST(verdict(opener, changed) == (bit < 24 ? Verdict::malformed : Verdict::forged));
    BOOST_TEST(verdict(opener, datagram) == Verdict::ok);  // the forgery did not move the window
  }
}

BOOST_AUTO_TEST_CASE(truncated_datagrams_are_dropped) {
  Sealer sealer(kKey, 1, 0);
  Opener opener(kKey);
  const auto datagram = sealed(sealer, "text");
  for (std::size_t n = 0; n < datagram.size(); ++n) {
    const std::vector<std::uint8_t> cut(datagram.begin(), datagram.begin() + static_cast<long>(n));
    BOOST_TEST(verdict(opener, cut) == (n < net::kSealOverhead ? Verdict::malformed : Verdict::forged));
  }
  BOOST_TEST(verdict(opener, datagram) == Verdict::ok);
}

BOOST_AUTO_TEST_CASE(another_sessions_key_opens_nothing) {
  Sealer sealer(kKey, 1, 0);
  Opener opener(kOther);
  BOOST_TEST(verdict(opener, sealed(sealer, "text")) == Verdict::forged);
}

BOOST_AUTO_TEST_CASE(random_bytes_are_dropped) {
  SeededRandom random(11);
  Opener opener(kKey);
  for (int i = 0; i < 5000; ++i) {
    std::vector<std::uint8_t> bytes(random.next() % 200);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
    if (i % 2 == 0 && bytes.size() > 3) bytes[0] = 0xf1, bytes[1] = 0xa6, bytes[2] = 1;
    BOOST_TEST(verdict(opener, bytes) != Verdict::ok);
  }
}

BOOST_AUTO_TEST_CASE(sealing_and_opening_allocate_nothing) {
  BOOST_REQUIRE(kCounting);
  Sealer sealer(kKey, 1, 0);
  Opener opener(kKey);
  std::vector<std::uint8_t> datagram(1200);
  BOOST_TEST(allocations > 0U);  // the counter counts
  const unsigned before = allocations;
  unsigned opened = 0;
  for (int i = 0; i < 10'000; ++i) {
    (void)sealer.seal(datagram, datagram.size() - net::kSealOverhead);
    if (i % 3 == 0) datagram[500] ^= 1;  // failures, too
    if (opener.open(datagram).verdict == Verdict::ok) ++opened;
  }
  BOOST_TEST(allocations == before);
  BOOST_TEST(opened == 6666U);
}

BOOST_AUTO_TEST_SUITE_END()
