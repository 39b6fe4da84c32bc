// The client's core against a scripted server, in fake time.
#include "clocksync/ntp_client.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/clocksync/ntp_scene.hh"

using namespace flagfall;                   // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;        // NOLINT(*-using-namespace)
using namespace flagfall::clocksync::test;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(ntp_client)

BOOST_AUTO_TEST_CASE(a_request_shows_two_cookies_and_nothing_else) {
  Scene scene;
  const auto request = scene.ask();
  BOOST_TEST(request.size == wire::kNtpHeader);
  const auto packet = wire::parse_ntp(Bytes(request.bytes).first(request.size))->packet;
  SeededRandom same(5);
  BOOST_TEST(packet.transmit == same.next());
  BOOST_TEST(packet.receive == same.next());
  BOOST_TEST(packet.origin == 0U);
  BOOST_TEST(packet.reference == 0U);
  BOOST_TEST(int{request.bytes[0]} == 0x23);
  for (std::size_t i = 1; i < 32; ++i) BOOST_TEST(int{request.bytes.at(i)} == 0);
}

BOOST_AUTO_TEST_CASE(a_reply_gives_four_stamps_and_the_servers_bound) {
  Scene scene;
  scene.server.interleave = false;
  const auto request = scene.ask();
  scene.client.transmitted(request.id, scene.now + 5us);
  scene.client.transmitted(request.id, scene.now - 5us);  // not before it was handed over
  const auto reply = scene.deliver(scene.bytes(scene.answer(request)));
  BOOST_TEST(reply.good);
  BOOST_TEST(reply.count == 1U);
  const Exchange& x = reply.exchanges[0];
  BOOST_TEST((x.t1 == scene.now + 5us));
  BOOST_TEST((x.t2 == scene.truth(scene.now + kOneWay)));
  BOOST_TEST((x.t3 == scene.truth(scene.now + kOneWay + 20us)));
  BOOST_TEST((x.t4 == scene.now + 230us));
  BOOST_TEST((x.source_bound >= 22500ns && x.source_bound < 24us));
}

BOOST_AUTO_TEST_CASE(an_interleaving_server_sends_the_true_stamp_of_the_reply_before) {
  Scene scene({.pair_distance = 0ns});
  const auto first = scene.exchange();
  BOOST_TEST(first.count == 1U);
  BOOST_TEST(!scene.client.interleaving());
  const auto second = scene.exchange();
  BOOST_TEST(scene.client.interleaving());
  BOOST_REQUIRE(second.count == 2U);
  BOOST_TEST(second.exchanges[0].id == first.exchanges[0].id);
  BOOST_TEST((second.exchanges[0].t3 == first.exchanges[0].t3 + 10us));
  BOOST_TEST((second.exchanges[1].t3 == second.exchanges[1].t2));  // true until the better one comes
  const auto third = scene.exchange();
  BOOST_TEST((third.exchanges[0].t3 == second.exchanges[1].t2 + 30us));
  BOOST_TEST(scene.client.counters().interleaved.get() == 2U);
}

BOOST_AUTO_TEST_CASE(a_pair_has_two_interleaved_series_and_is_pure_when_its_distance_is_kept) {
  Scene scene;
  for (int i = 0; i < 10; ++i) BOOST_TEST(scene.exchange().good);
  BOOST_TEST(scene.client.counters().interleaved.get() == 8U);
  BOOST_TEST(scene.client.counters().pairs_pure.get() >= 4U);
  BOOST_TEST(scene.client.counters().pairs_impure.get() == 0U);
  scene.exchange();
  const auto delayed = scene.ask();  // queued for a millisecond on its way
  const auto packet =
      scene.server.answer(wire::parse_ntp(delayed.bytes)->packet, scene.truth(scene.now + kOneWay + 1ms));
  scene.client.reply(scene.bytes(packet), scene.now + 2 * kOneWay + 1ms + 30us);
  scene.exchange();
  scene.exchange();
  BOOST_TEST(scene.client.counters().pairs_impure.get() == 1U);
}

BOOST_AUTO_TEST_CASE(replies_that_nobody_asked_for_are_counted_and_ignored) {
  Scene scene;
  const auto request = scene.ask();
  NtpPacket packet = scene.answer(request);
  NtpPacket forged = packet;
  forged.origin ^= 1;
  BOOST_TEST(!scene.deliver(scene.bytes(forged)).good);
  forged.origin = 0;
  BOOST_TEST(!scene.deliver(scene.bytes(forged)).good);
  BOOST_TEST(scene.client.counters().foreign.get() == 2U);
  BOOST_TEST(scene.deliver(scene.bytes(packet)).good);
  BOOST_TEST(!scene.deliver(scene.bytes(packet)).good);
  BOOST_TEST(scene.client.counters().duplicate.get() == 1U);
  const auto late = scene.ask();
  packet = scene.answer(late);
  BOOST_TEST(!scene.client.reply(scene.bytes(packet), scene.now + 2s).good);
  BOOST_TEST(scene.client.counters().late.get() == 1U);
}

BOOST_AUTO_TEST_CASE(replies_that_say_nothing_sensible_are_counted_and_ignored) {
  const auto try_with = [](auto change) {
    Scene scene;
    NtpPacket packet = scene.answer(scene.ask());
    change(packet);
    BOOST_TEST(!scene.deliver(scene.bytes(packet)).good);
    return scene.client.counters().malformed.get() + 10 * scene.client.counters().unsynchronised.get();
  };
  BOOST_TEST(try_with([](NtpPacket& p) { p.mode = 3; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.mode = 5; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.version = 2; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.receive = 0; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.transmit = 0; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.transmit = p.receive - 1000; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.precision = 100; }) == 1U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.leap = wire::NtpLeap::unsynchronised; }) == 10U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.stratum = 16; }) == 10U);
  BOOST_TEST(try_with([](NtpPacket& p) { p.root_dispersion = 17s; }) == 10U);
  Scene scene;
  scene.ask();
  BOOST_TEST(!scene.deliver({1, 2, 3}).good);
}

BOOST_AUTO_TEST_CASE(with_a_key_requests_are_signed_and_unsigned_replies_worthless) {
  Scene scene({.key = 7, .mac = sum});
  const auto request = scene.ask();
  BOOST_TEST(request.size == wire::kNtpHeader + wire::kNtpMac);
  BOOST_TEST(wire::verify_ntp(*wire::parse_ntp(request.bytes), 7, sum));
  const NtpPacket packet = scene.answer(request);
  BOOST_TEST(!scene.deliver(scene.bytes(packet)).good);
  BOOST_TEST(!scene.deliver(scene.sign(scene.bytes(packet), 8)).good);
  NtpPacket kiss = packet;  // nor may a stranger stop us
  kiss.stratum = 0;
  kiss.reference_id = 0x44454e59;
  BOOST_TEST(!scene.deliver(scene.bytes(kiss)).good);
  BOOST_TEST(scene.client.counters().forged.get() == 3U);
  BOOST_TEST(!scene.client.stopped());
  BOOST_TEST(scene.deliver(scene.sign(scene.bytes(packet), 7)).good);
}

BOOST_AUTO_TEST_CASE(a_kiss_of_death_is_obeyed) {
  const auto kissed = [](std::uint32_t code, Scene& scene) {
    NtpPacket packet = scene.answer(scene.ask());
    packet.stratum = 0;
    packet.reference_id = code;
    scene.deliver(scene.bytes(packet));
  };
  Scene rate({.pair_distance = 0ns});
  kissed(0x52415445, rate);
  BOOST_TEST((rate.client.interval() == 2s));
  BOOST_TEST((rate.client.next_request() - rate.now >= 2s));
  kissed(0x52415445, rate);
  BOOST_TEST((rate.client.interval() == 4s));
  BOOST_TEST(rate.client.counters().kiss_rate.get() == 2U);
  BOOST_TEST(rate.exchange().good);
  BOOST_TEST(
      (rate.client.next_request() - rate.now == 4s));  // not quick any more, though nothing is known yet
  // A row of requests that were under way when the first was refused counts once.
  Scene burst;
  std::vector<NtpPacket> refusals;
  for (int i = 0; i < 4; ++i) {
    refusals.push_back(burst.answer(burst.ask()));
    refusals.back().stratum = 0;
    refusals.back().reference_id = 0x52415445;
  }
  for (const NtpPacket& packet : refusals) burst.deliver(burst.bytes(packet));
  BOOST_TEST(burst.client.counters().kiss_rate.get() == 4U);
  BOOST_TEST((burst.client.interval() == 2s));
  // From then on one request at a time: the second of a pair would be one too many.
  (void)burst.exchange();
  BOOST_TEST((burst.client.next_request() - burst.now > 1s));
  for (const std::uint32_t code : {0x44454e59U, 0x52535452U}) {
    Scene deny;
    kissed(code, deny);
    BOOST_TEST(deny.client.stopped());
    BOOST_TEST((deny.client.next_request() - deny.now > 59min));
    BOOST_TEST(deny.client.why().find("refuses us") != std::string::npos);
  }
  // It is asked again after an hour, and believed when it has changed its mind.
  Scene pardoned({.pair_distance = 0ns});
  kissed(0x44454e59, pardoned);
  pardoned.now += 1h;
  BOOST_TEST(pardoned.exchange().good);
  BOOST_TEST(!pardoned.client.stopped());
  BOOST_TEST((pardoned.client.next_request() - pardoned.now < 2s));
  Scene other;
  kissed(0x4e545053, other);
  BOOST_TEST(!other.client.stopped());
  BOOST_TEST(other.client.counters().kiss_other.get() == 1U);
}

BOOST_AUTO_TEST_CASE(silence_is_counted_and_told_and_slows_the_polls_down) {
  Scene scene({.pair_distance = 0ns});
  BOOST_TEST(scene.client.why().find("has not answered yet") != std::string::npos);
  for (int i = 0; i < 18; ++i) scene.ask();
  BOOST_TEST(scene.client.missed() == 17U);
  BOOST_TEST(scene.client.why().ends_with("does not answer"));
  for (int i = 0; i < 20; ++i) scene.ask();
  BOOST_TEST((scene.client.interval() == 16s));
  BOOST_TEST(scene.exchange().good);
  BOOST_TEST(scene.client.missed() == 0U);
}

BOOST_AUTO_TEST_CASE(silence_to_signed_requests_may_be_a_wrong_key_and_the_line_says_so) {
  Scene scene({.pair_distance = 0ns, .key = 7, .mac = sum});
  for (int i = 0; i < 5; ++i) scene.ask();
  BOOST_TEST(scene.client.why().ends_with("does not answer; does it have key 7, the same?"));
}

BOOST_AUTO_TEST_CASE(an_exchange_during_which_the_clock_was_set_is_worth_nothing) {
  Scene scene({.pair_distance = 0ns});
  scene.exchange();
  const auto request = scene.ask();
  scene.client.discard(request.id);
  BOOST_TEST(!scene.deliver(scene.bytes(scene.answer(request))).good);
  BOOST_TEST(scene.client.counters().stepped.get() == 1U);
  const auto next = scene.exchange();  // its series begins anew
  BOOST_TEST(next.count == 1U);
}

BOOST_AUTO_TEST_CASE(polls_are_quick_at_first_and_as_slow_as_the_bound_allows_later) {
  Scene scene;
  Estimator estimator({});
  const auto step = [&] {
    const auto reply = scene.exchange();
    for (std::size_t i = 0; i < reply.count; ++i) estimator.add(reply.exchanges.at(i));
    scene.client.adapt(estimator);
  };
  step();
  step();
  BOOST_TEST((scene.client.next_request() - scene.now == 100ms));
  for (int i = 0; i < 100; ++i) step();
  BOOST_TEST((scene.client.interval() == 1s));  // 130 us wide: a second more costs 50
  // The same over a path of 20 ms each way.
  Scene far;
  Estimator wide({});
  for (int i = 0; i < 300; ++i) {
    const auto request = far.ask();
    const auto packet = far.server.answer(wire::parse_ntp(Bytes(request.bytes).first(request.size))->packet,
                                          far.truth(far.now + 20ms));
    const auto reply = far.client.reply(far.bytes(packet), far.now + 40ms + 30us);
    BOOST_TEST(reply.good);
    for (std::size_t n = 0; n < reply.count; ++n) wide.add(reply.exchanges.at(n));
    far.client.adapt(wide);
  }
  BOOST_TEST((far.client.interval() >= 2s));
  BOOST_TEST(wide.size() >= 16U);
}

BOOST_AUTO_TEST_SUITE_END()
