#include "master/director_keeper.hh"

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "two_directors.hh"

using namespace flagfall;  // NOLINT(*-using-namespace): a test
using namespace std::chrono_literals;
using director::StoredChanges;
using master::DirectorKeeper;

namespace {

/// Has what the test gives it.
class Shelf final : public director::Store {
 public:
  struct Seen {
    StoredChanges put;
    StoredChanges to_take;
    bool restored = false;
  };
  explicit Shelf(Seen& seen) : seen_(seen) {}

  [[nodiscard]] bool ready() const override { return true; }
  void put(StoredChanges changes) override {
    for (auto& b : changes.bindings) seen_.put.bindings.push_back(std::move(b));
    for (auto& d : changes.drains) seen_.put.drains.push_back(std::move(d));
  }
  StoredChanges take(std::size_t /*most*/) override { return std::exchange(seen_.to_take, {}); }
  [[nodiscard]] bool restored() const override { return seen_.restored; }
  bool needs_all() override { return false; }
  [[nodiscard]] store::Health health() const override { return {}; }

 private:
  Seen& seen_;  // NOLINT(*-ref-data-members)
};

struct Fixture : master::TwoDirectors {
  Shelf::Seen seen;
  DirectorKeeper keeper{*desk, std::make_unique<Shelf>(seen), clock};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(director_keeper, Fixture)

BOOST_AUTO_TEST_CASE(what_an_earlier_process_drained_is_drained_and_not_written_again) {
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(1s)}};
  keeper.tick();
  BOOST_TEST(desk->drained().contains("nyc"));
  BOOST_TEST(seen.put.empty());
}

BOOST_AUTO_TEST_CASE(a_command_comes_before_what_a_slow_disk_tells_of_the_same_server_later) {
  BOOST_TEST(desk->drain("nyc", false));
  keeper.drained("nyc", false, "an operator");
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(1s)},
                         {.server = "sin", .by = "somebody", .since = RealTime(1s)}};
  keeper.tick();
  BOOST_TEST(!desk->drained().contains("nyc"));
  BOOST_TEST(desk->drained().contains("sin"));
  BOOST_REQUIRE(seen.put.drains.size() == 1U);
  BOOST_TEST(seen.put.drains[0].gone);
}

BOOST_AUTO_TEST_SUITE_END()
