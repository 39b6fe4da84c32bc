#include "master/retry_memory.hh"

#include <boost/test/unit_test.hpp>

using flagfall::as_bytes;
using flagfall::IpAddress;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::SeededRandom;
using flagfall::master::RetryMemory;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kStart = MonoTime(Nanos(1'000'000'000));
IpAddress ip(const char* text) {
  return *flagfall::parse_ip(text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retry_memory)

BOOST_AUTO_TEST_CASE(the_same_question_within_the_window_is_a_retry) {
  SeededRandom random(1);
  RetryMemory memory(1000, random);
  const auto key = memory.key(ip("192.0.2.1"), as_bytes("\3www\7example\4test"), 1);
  BOOST_TEST(!memory.raced_recently(key, kStart, 2s));
  memory.remember(key, kStart);
  BOOST_TEST(memory.raced_recently(key, kStart, 2s));
  BOOST_TEST(memory.raced_recently(key, kStart + 1999ms, 2s));
  BOOST_TEST(!memory.raced_recently(key, kStart + 2s, 2s));
}

BOOST_AUTO_TEST_CASE(a_window_that_has_grown_since_the_race_counts) {
  SeededRandom random(1);
  RetryMemory memory(1000, random);
  const auto key = memory.key(ip("192.0.2.1"), as_bytes("\1a"), 1);
  memory.remember(key, kStart);
  BOOST_TEST(!memory.raced_recently(key, kStart + 5s, 2s));
  BOOST_TEST(memory.raced_recently(key, kStart + 5s, 6s));
}

BOOST_AUTO_TEST_CASE(another_address_name_or_type_is_another_question) {
  SeededRandom random(1);
  RetryMemory memory(1000, random);
  memory.remember(memory.key(ip("192.0.2.1"), as_bytes("\1a"), 1), kStart);
  BOOST_TEST(!memory.raced_recently(memory.key(ip("192.0.2.2"), as_bytes("\1a"), 1), kStart, 2s));
  BOOST_TEST(!memory.raced_recently(memory.key(ip("192.0.2.1"), as_bytes("\1b"), 1), kStart, 2s));
  BOOST_TEST(!memory.raced_recently(memory.key(ip("192.0.2.1"), as_bytes("\1a"), 28), kStart, 2s));
  BOOST_TEST(!memory.raced_recently(memory.key(ip("c000:201::"), as_bytes("\1a"), 1), kStart, 2s));
}

BOOST_AUTO_TEST_CASE(names_that_differ_past_a_word_or_in_trailing_zeros_differ) {
  SeededRandom random(3);
  const RetryMemory memory(1000, random);
  const IpAddress client = ip("2001:db8::1");
  const std::string base = "0123456789abcdef";
  for (std::size_t n = 0; n < base.size(); ++n) {
    const std::string cut = base.substr(0, n);
    BOOST_TEST(memory.key(client, as_bytes(cut), 1) !=
               memory.key(client, as_bytes(base.substr(0, n + 1)), 1));
    BOOST_TEST(memory.key(client, as_bytes(cut), 1) != memory.key(client, as_bytes(cut + '\0'), 1));
  }
}

BOOST_AUTO_TEST_CASE(all_races_that_the_guard_lets_through_in_a_window_are_remembered) {
  SeededRandom random(5);
  RetryMemory memory(4000, random);
  std::vector<std::uint64_t> keys;
  for (int i = 0; i < 4000; ++i) {
    keys.push_back(memory.key(ip("192.0.2.1"), as_bytes("name" + std::to_string(i)), 1));
    memory.remember(keys.back(), kStart + i * 400us);
  }
  std::size_t kept = 0;
  for (const auto key : keys) kept += memory.raced_recently(key, kStart + 1600ms, 2s) ? 1U : 0U;
  // A set of four overflows at a load of an eighth about once in 3,000 keys.
  BOOST_TEST(kept >= 3990U);
}

BOOST_AUTO_TEST_CASE(remembering_again_renews_in_place) {
  SeededRandom random(1);
  RetryMemory memory(1, random);
  const auto key = memory.key(ip("192.0.2.1"), as_bytes("\1a"), 1);
  for (int i = 0; i < 100; ++i) memory.remember(key, kStart + i * 1s);
  BOOST_TEST(memory.raced_recently(key, kStart + 100s, 2s));
  BOOST_TEST(!memory.raced_recently(key, kStart + 101s, 2s));
}

BOOST_AUTO_TEST_CASE(different_seeds_place_the_same_question_differently) {
  SeededRandom one(1);
  SeededRandom two(2);
  const RetryMemory a(1000, one);
  const RetryMemory b(1000, two);
  BOOST_TEST(a.key(ip("192.0.2.1"), as_bytes("\1a"), 1) != b.key(ip("192.0.2.1"), as_bytes("\1a"), 1));
}

BOOST_AUTO_TEST_SUITE_END()
