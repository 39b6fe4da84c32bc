#include "master/slot_index.hh"

#include <boost/test/unit_test.hpp>
#include <map>

#include "common/base/random.hh"

using flagfall::SeededRandom;
using flagfall::master::SlotIndex;

BOOST_AUTO_TEST_SUITE(slot_index)

BOOST_AUTO_TEST_CASE(it_finds_what_a_plain_map_finds_through_all_changes) {
  for (const std::uint64_t hashes : {std::uint64_t{3}, std::uint64_t{50}, UINT64_MAX}) {
    SlotIndex index(64);
    std::map<std::uint32_t, std::uint64_t> model;  // by slot
    SeededRandom random(hashes);
    for (int i = 0; i < 20'000; ++i) {
      const auto slot = static_cast<std::uint32_t>(random.next() % 64);
      const auto known = model.find(slot);
      if (known != model.end()) {
        index.erase(known->second, slot);
        model.erase(known);
      } else {
        const std::uint64_t hash = random.next() % hashes;
        index.insert(hash, slot);
        model[slot] = hash;
      }
      const auto probe = static_cast<std::uint32_t>(random.next() % 64);
      const auto there = model.find(probe);
      const auto found = index.find(there == model.end() ? random.next() : there->second,
                                    [&](std::uint32_t s) { return s == probe; });
      if ((found == probe) != (there != model.end())) BOOST_FAIL("slot " << probe);
    }
    BOOST_TEST(index.size() == model.size());
  }
}

BOOST_AUTO_TEST_CASE(several_slots_of_one_hash_are_all_seen) {
  SlotIndex index(8);
  for (std::uint32_t i = 0; i < 8; ++i) index.insert(7, i);
  unsigned seen = 0;
  (void)index.find(7, [&](std::uint32_t) {
    ++seen;
    return false;
  });
  BOOST_TEST(seen == 8U);
  BOOST_TEST(!index.find(8, [](std::uint32_t) { return true; }).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
