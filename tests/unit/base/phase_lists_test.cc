#include "common/base/phase_lists.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

enum class Phase : std::uint8_t { idle, busy };
struct Thing : InPhase<Thing, Phase> {
  explicit Thing(int n) : number(n) {}
  int number;
};
using Things = PhaseLists<Thing, Phase, 2>;

MonoTime at(Nanos since_start) {
  return MonoTime(1s + since_start);
}
std::vector<int> overdue(Things& things, Phase phase, Nanos most, MonoTime now) {
  std::vector<int> out;
  things.overdue(phase, most, now, [&](Thing& each) {
    out.push_back(each.number);
    things.erase(each);
  });
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(phase_lists)

BOOST_AUTO_TEST_CASE(who_is_overdue_is_told_in_the_order_of_time_and_nobody_else) {
  Things things;
  for (int i = 0; i < 4; ++i) things.add(Phase::idle, at(i * 10ms), i);
  BOOST_TEST(overdue(things, Phase::idle, 100ms, at(99ms)) == std::vector<int>());
  BOOST_TEST(overdue(things, Phase::idle, 100ms, at(110ms)) == (std::vector{0, 1}));
  BOOST_TEST(overdue(things, Phase::busy, 0ns, at(1h)) == std::vector<int>());
  BOOST_TEST(things.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_phase_that_is_entered_again_begins_anew) {
  Things things;
  Thing& first = things.add(Phase::idle, at(0ns), 1);
  things.add(Phase::idle, at(1ms), 2);
  things.enter(first, Phase::idle, at(50ms));
  BOOST_TEST(overdue(things, Phase::idle, 40ms, at(60ms)) == std::vector{2});
  things.enter(first, Phase::busy, at(70ms));
  BOOST_TEST(overdue(things, Phase::idle, 0ns, at(1h)) == std::vector<int>());
  BOOST_TEST(overdue(things, Phase::busy, 10ms, at(80ms)) == std::vector{1});
  BOOST_TEST(things.size() == 0U);
}

BOOST_AUTO_TEST_CASE(the_longest_is_of_the_first_phase_that_anybody_is_in) {
  Things things;
  const std::vector<Phase> phases = {Phase::busy, Phase::idle};
  BOOST_TEST(things.longest(phases) == nullptr);
  things.add(Phase::idle, at(0ns), 1);
  BOOST_TEST(things.longest(phases)->number == 1);
  things.add(Phase::busy, at(1ms), 2);
  things.add(Phase::busy, at(2ms), 3);
  BOOST_TEST(things.longest(phases)->number == 2);
  BOOST_TEST(things.longest(std::vector{Phase::idle})->number == 1);
}

BOOST_AUTO_TEST_SUITE_END()
