#include "master/segment_race.hh"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::HandedOver;
using master::SegmentRace;
using Outcome = SegmentRace::Outcome;

namespace {

master::HandedOver connection() {
  return {.client = *parse_endpoint("198.51.100.7:40000"),
          .server = *parse_endpoint("192.0.2.1:80"),
          .send_next = 0xffffffc0,  // the answer goes over 2^32
          .receive_next = 7000,
          .window = 501,
          .clock = 0xfffffff0,  // and its timestamps
          .answer = 200};
}

/// The client's acknowledgement of `octets` of the answer.
wire::TcpView acknowledgement(std::uint32_t octets, std::uint32_t echo) {
  wire::TcpView out;
  out.source = connection().client;
  out.destination = connection().server;
  out.sequence = connection().receive_next;
  out.acknowledgement = connection().send_next + octets;
  out.ack = true;
  out.timestamps = wire::TcpTimestamps{120, echo};
  return out;
}

struct Fixture {
  SegmentRace race{connection(), 3, 25ms};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(segment_race, Fixture)

BOOST_AUTO_TEST_CASE(each_runner_has_a_timestamp_of_its_own_between_the_handover_and_the_instant) {
  for (const Nanos delay : {4ms, 25ms, 150ms})
    for (unsigned runners = 1; runners <= 3; ++runners) {
      const SegmentRace one(connection(), runners, delay);
      std::set<std::uint32_t> all;
      for (unsigned k = 0; k < runners; ++k) {
        const std::uint32_t after = one.timestamp(k) - connection().clock;
        BOOST_TEST(after < static_cast<std::uint32_t>(delay / 1ms));  // also says: not before it
        all.insert(after);
      }
      BOOST_TEST(all.size() == runners);
    }
}

BOOST_AUTO_TEST_CASE(segments_go_on_where_the_connection_is) {
  const wire::TcpSegment one = race.segment(1);
  BOOST_TEST((one.source == connection().server && one.destination == connection().client));
  BOOST_TEST(one.sequence == connection().send_next);
  BOOST_TEST(one.acknowledgement == 7000U);
  BOOST_TEST((one.timestamps == wire::TcpTimestamps{race.timestamp(1), 0}));
  const wire::TcpSegment old = race.old_octet();
  BOOST_TEST(old.sequence == connection().send_next - 1);
  BOOST_TEST(old.payload.size() == 1U);
  BOOST_TEST(old.timestamps->value == connection().clock);
}

BOOST_AUTO_TEST_CASE(the_first_acknowledgement_of_the_whole_answer_names_the_winner) {
  for (unsigned k = 0; k < 3; ++k) {
    const auto told = race.look(acknowledgement(200, race.timestamp(k)));
    BOOST_TEST((told.outcome == Outcome::won));
    BOOST_REQUIRE(told.winner);
    BOOST_TEST(*told.winner == k);
  }
  BOOST_TEST((race.look(acknowledgement(199, race.timestamp(0))).outcome == Outcome::not_yet));
  BOOST_TEST(
      (race.look(acknowledgement(0, connection().clock)).outcome == Outcome::not_yet));  // of the old octet
  BOOST_TEST((race.look(acknowledgement(201, race.timestamp(2))).outcome == Outcome::won));
}

BOOST_AUTO_TEST_CASE(a_block_that_ends_inside_the_answer_says_that_a_loser_came_before) {
  auto packet = acknowledgement(200, race.timestamp(1));
  const std::uint32_t from = connection().send_next;
  packet.sacks = 1;
  const auto with = [&](std::uint32_t begin, std::uint32_t end) {
    packet.sack[0] = {from + begin, from + end};
    return race.look(packet).outcome;
  };
  BOOST_TEST((with(0, 200) == Outcome::unclear));
  BOOST_TEST((with(0, 1) == Outcome::unclear));
  BOOST_TEST((with(0U - 1, 0) == Outcome::won));  // of the old octet
  BOOST_TEST((with(300, 400) == Outcome::won));
}

BOOST_AUTO_TEST_CASE(the_masters_own_copy_is_a_fallback) {
  BOOST_TEST((race.look(acknowledgement(200, connection().clock)).outcome == Outcome::fallback));
  BOOST_TEST((race.look(acknowledgement(200, connection().clock + 205)).outcome == Outcome::fallback));
  BOOST_TEST((race.look(acknowledgement(200, connection().clock + 5)).outcome == Outcome::unclear));
  BOOST_TEST((race.look(acknowledgement(200, connection().clock - 9)).outcome == Outcome::unclear));
}

BOOST_AUTO_TEST_CASE(without_timestamps_the_octets_that_came_twice_name_the_winner) {
  HandedOver plain = connection();
  plain.timestamps = false;
  SegmentRace one(plain, 3, 25ms);
  const std::uint32_t first = plain.send_next;
  wire::TcpView all = acknowledgement(200, 0);
  all.timestamps.reset();
  const auto with = [&](wire::SackBlock block) {
    wire::TcpView out = all;
    out.sack[0] = block;
    out.sacks = 1;
    return one.look(out);
  };
  for (unsigned k = 0; k < 3; ++k) {
    const wire::TcpSegment segment = one.segment(k);
    BOOST_TEST(one.early(k) == k + 1);
    BOOST_TEST(segment.sequence == first - k - 1);
    BOOST_TEST(!segment.timestamps);
    const auto told = with({first - k - 1, first});
    BOOST_TEST((told.outcome == Outcome::won));
    BOOST_TEST(told.winner.value_or(9) == k);
  }
  const wire::TcpSegment old = one.old_octet();
  BOOST_TEST(old.sequence == first - 4);
  BOOST_TEST(!old.timestamps);
  BOOST_TEST((with({first - 4, first - 3}).outcome == Outcome::unclear));  // of the old octet, late
  BOOST_TEST((with({first - 4, first}).outcome == Outcome::unclear));      // of nobody
  BOOST_TEST((with({first, first}).outcome == Outcome::unclear));
  BOOST_TEST((with({first - 2, first + 200}).outcome == Outcome::unclear));  // a loser came before
  // No block: of a client that has told of the old octet it was the master's own copy.
  BOOST_TEST((one.look(all).outcome == Outcome::unclear));
  wire::TcpView first_one = all;
  first_one.acknowledgement = first;
  BOOST_TEST((one.look(first_one).outcome == Outcome::not_yet));
  BOOST_TEST((one.look(all).outcome == Outcome::unclear));
  first_one.sack[0] = {first - 4, first - 3};
  first_one.sacks = 1;
  BOOST_TEST((one.look(first_one).outcome == Outcome::not_yet));
  BOOST_TEST((one.look(all).outcome == Outcome::fallback));
  wire::TcpView part = all;
  part.acknowledgement -= 1;
  BOOST_TEST((one.look(part).outcome == Outcome::not_yet));
}

BOOST_AUTO_TEST_CASE(other_packets_say_nothing) {
  auto other = acknowledgement(200, race.timestamp(0));
  other.source.port = 40001;
  BOOST_TEST((race.look(other).outcome == Outcome::not_yet));
  auto silent = acknowledgement(200, 0);
  silent.timestamps.reset();
  BOOST_TEST((race.look(silent).outcome == Outcome::not_yet));
  auto far = acknowledgement(200, race.timestamp(0));
  far.acknowledgement += 1 << 17;
  BOOST_TEST((race.look(far).outcome == Outcome::not_yet));
  auto reset = acknowledgement(200, race.timestamp(0));
  reset.rst = true;
  BOOST_TEST((race.look(reset).outcome == Outcome::closed));
  reset.sequence += 1;  // a challenge's, or forged
  BOOST_TEST((race.look(reset).outcome == Outcome::not_yet));
  auto syn = acknowledgement(200, race.timestamp(0));
  syn.syn = true;
  BOOST_TEST((race.look(syn).outcome == Outcome::not_yet));
}

BOOST_AUTO_TEST_SUITE_END()
