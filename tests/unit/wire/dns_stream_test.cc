#include "common/wire/dns_stream.hh"

#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::Bytes;
using flagfall::test::Octets;
using flagfall::wire::DnsStreamReader;
using State = DnsStreamReader::State;

namespace {

Octets framed(const Octets& message) {
  const auto prefix = flagfall::wire::stream_prefix(message.size());
  Octets out(prefix.begin(), prefix.end());
  flagfall::test::put(out, message);
  return out;
}

Octets message(std::size_t size, std::uint8_t first) {
  Octets out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

/// Feeds `stream` in pieces that `next_size` gives, and collects the messages.
template <class F>
std::vector<Octets> collect(DnsStreamReader& reader, const Octets& stream, F next_size, bool& malformed) {
  std::vector<Octets> out;
  malformed = false;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t n = std::min<std::size_t>(next_size(), stream.size() - at);
    // A copy of its own, so that a view kept beyond its bytes is found by the sanitizers.
    const Octets piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                       stream.begin() + static_cast<std::ptrdiff_t>(at + n));
    Bytes left = piece;
    while (!left.empty()) {
      const auto step = reader.take(left);
      if (step.state == State::malformed) {
        malformed = true;
        return out;
      }
      left = left.subspan(step.taken);
      if (step.state == State::complete) out.emplace_back(step.message.begin(), step.message.end());
    }
    at += n;
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_stream)

BOOST_AUTO_TEST_CASE(messages_come_out_whole_at_any_split) {
  const std::vector<Octets> sent{message(12, 1), message(300, 2), message(13, 3), message(65535, 4)};
  Octets stream;
  for (const auto& m : sent) flagfall::test::put(stream, framed(m));
  flagfall::SeededRandom random(5);
  bool malformed = false;
  for (const std::size_t most : {1U, 2U, 3U, 7U, 100U, 70000U}) {
    DnsStreamReader reader;
    const auto got = collect(
        reader, stream, [&] { return 1 + random.next() % most; }, malformed);
    BOOST_TEST(!malformed);
    BOOST_TEST((got == sent));
    BOOST_TEST(reader.at_boundary());
  }
}

BOOST_AUTO_TEST_CASE(many_messages_in_one_read_are_not_copied) {
  Octets stream = framed(message(20, 1));
  flagfall::test::put(stream, framed(message(30, 2)));
  DnsStreamReader reader;
  const auto first = reader.take(stream);
  BOOST_TEST((first.state == State::complete));
  BOOST_TEST(first.taken == 22U);
  BOOST_TEST(first.message.data() == stream.data() + 2);
  const auto second = reader.take(Bytes(stream).subspan(first.taken));
  BOOST_TEST(second.message.data() == stream.data() + 24);
}

BOOST_AUTO_TEST_CASE(a_length_below_a_header_or_above_the_limit_ends_the_stream) {
  for (const Octets& bad : {Octets{0, 0}, Octets{0, 11}, Octets{1, 1}, Octets{255, 255}}) {
    DnsStreamReader reader(256);
    const auto step = reader.take(bad);
    BOOST_TEST((step.state == State::malformed));
    BOOST_TEST((reader.take(framed(message(20, 1))).state == State::malformed));
  }
  DnsStreamReader reader(256);
  BOOST_TEST((reader.take(framed(message(256, 1))).state == State::complete));
}

BOOST_AUTO_TEST_CASE(half_a_message_is_no_boundary) {
  DnsStreamReader reader;
  BOOST_TEST(reader.at_boundary());
  BOOST_TEST((reader.take(Octets{0}).state == State::need_more));
  BOOST_TEST(!reader.at_boundary());
  BOOST_TEST((reader.take({}).state == State::need_more));
  BOOST_TEST((reader.take(Octets{12, 1, 2, 3}).state == State::need_more));
  BOOST_TEST(!reader.at_boundary());
}

BOOST_AUTO_TEST_SUITE_END()
