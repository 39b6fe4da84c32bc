#include "director/prefix_table.hh"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <map>
#include <thread>
#include <vector>

#include "common/base/random.hh"

using flagfall::Family;
using flagfall::IpAddress;
using flagfall::masked;
using flagfall::parse_ip;
using flagfall::parse_prefix;
using flagfall::Prefix;
using flagfall::SeededRandom;
using flagfall::director::PrefixTable;
using flagfall::director::PrefixTableEditor;

namespace {

unsigned bits_of(const IpAddress& ip) {
  return static_cast<unsigned>(ip.size() * 8);
}

/// The address before (-1) or behind (1) this one, round the ends.
IpAddress beside(IpAddress ip, int step) {
  for (std::size_t i = ip.size(); i-- > 0;) {
    const std::uint8_t old = ip.octets.at(i);
    ip.octets.at(i) = static_cast<std::uint8_t>(old + step);
    if (old != (step > 0 ? 0xff : 0)) break;
  }
  return ip;
}

IpAddress last_of(const Prefix& prefix) {
  IpAddress out = prefix.ip;
  for (unsigned i = prefix.length; i < bits_of(out); ++i)
    out.octets.at(i / 8) = static_cast<std::uint8_t>(out.octets.at(i / 8) | 0x80U >> i % 8);
  return out;
}

/// The same by looking at everything.
struct Naive {
  std::map<Prefix, std::uint32_t> entries;

  [[nodiscard]] std::uint32_t value(const IpAddress& address) const {
    std::uint32_t found = 0;
    int longest = -1;
    for (const auto& [prefix, v] : entries)
      if (prefix.length > longest && prefix.contains(address)) {
        found = v;
        longest = prefix.length;
      }
    return found;
  }
  /// Values change at the edges of entries only.
  [[nodiscard]] bool one_value(const Prefix& region) const {
    const std::uint32_t first = value(region.ip);
    for (const auto& [prefix, v] : entries)
      for (const IpAddress& edge : {prefix.ip, beside(last_of(prefix), 1)})
        if (region.contains(edge) && value(edge) != first) return false;
    return true;
  }
  [[nodiscard]] PrefixTable::Found find(const IpAddress& address) const {
    unsigned least = 0;
    while (!one_value({masked(address, least), static_cast<std::uint8_t>(least)})) ++least;
    return {value(address), static_cast<std::uint8_t>(least)};
  }
};

IpAddress random_address(SeededRandom& random, Family family) {
  IpAddress out{{}, family};
  for (std::size_t i = 0; i < out.size(); ++i) out.octets.at(i) = static_cast<std::uint8_t>(random.next());
  return out;
}

/// Prefixes that nest and touch: they begin with one of few octets at every place.
Prefix crowded_prefix(SeededRandom& random, Family family) {
  IpAddress ip{{}, family};
  for (std::size_t i = 0; i < ip.size(); ++i) {
    constexpr std::array<std::uint8_t, 4> kFew{0, 127, 128, 255};
    ip.octets.at(i) = random.next() % 3 == 0 ? static_cast<std::uint8_t>(random.next())
                                             : kFew.at(random.next() % kFew.size());
  }
  const auto length = static_cast<std::uint8_t>(random.next() % (bits_of(ip) + 1));
  return {masked(ip, length), length};
}

std::vector<IpAddress> edges_of(const Prefix& prefix) {
  const IpAddress last = last_of(prefix);
  return {prefix.ip, last, beside(prefix.ip, -1), beside(last, 1)};
}

void same(const PrefixTable& table, const Naive& naive, const IpAddress& at) {
  const auto got = table.find(at);
  const auto want = naive.find(at);
  BOOST_TEST(got.value == want.value, to_string(at) << ": " << got.value << ", not " << want.value);
  BOOST_TEST(unsigned{got.scope} == unsigned{want.scope},
             to_string(at) << ": scope " << int{got.scope} << ", not " << int{want.scope});
}

Prefix prefix(std::string_view text) {
  return *parse_prefix(text);
}
PrefixTable::Found at(const PrefixTable& table, std::string_view address) {
  return table.find(*parse_ip(address));
}
using Found = PrefixTable::Found;

}  // namespace

namespace flagfall::director {
static std::ostream& operator<<(std::ostream& out, const PrefixTable::Found& f) {
  return out << f.value << "/" << int{f.scope};
}
}  // namespace flagfall::director

BOOST_AUTO_TEST_SUITE(prefix_table)

BOOST_AUTO_TEST_CASE(an_empty_table_says_that_nobody_has_anything) {
  PrefixTableEditor editor;
  const auto table = editor.publish();
  BOOST_TEST(at(*table, "192.0.2.1") == (Found{0, 0}));
  BOOST_TEST(at(*table, "2001:db8::1") == (Found{0, 0}));
  BOOST_TEST(table->size() == 0);
}

BOOST_AUTO_TEST_CASE(the_longest_prefix_counts_and_the_scope_keeps_others_out) {
  PrefixTableEditor editor;
  editor.set(prefix("10.0.0.0/8"), 1);
  editor.set(prefix("10.1.0.0/16"), 2);
  editor.set(prefix("10.1.2.3/32"), 3);
  editor.set(prefix("2001:db8::/32"), 4);
  editor.set(prefix("2001:db8::1/128"), 5);
  const auto table = editor.publish();
  BOOST_TEST(table->size() == 5);
  BOOST_TEST(at(*table, "10.1.2.3") == (Found{3, 32}));
  BOOST_TEST(at(*table, "10.1.2.2") == (Found{2, 32}));
  BOOST_TEST(at(*table, "10.1.2.4") == (Found{2, 30}));
  BOOST_TEST(at(*table, "10.1.128.0") == (Found{2, 17}));
  BOOST_TEST(at(*table, "10.0.0.1") == (Found{1, 16}));
  BOOST_TEST(at(*table, "10.128.0.1") == (Found{1, 9}));
  BOOST_TEST(at(*table, "11.0.0.1") == (Found{0, 8}));
  BOOST_TEST(at(*table, "192.0.2.1") == (Found{0, 1}));
  BOOST_TEST(at(*table, "2001:db8::1") == (Found{5, 128}));
  BOOST_TEST(at(*table, "2001:db8::") == (Found{4, 128}));
  BOOST_TEST(at(*table, "2001:db8:8000::") == (Found{4, 33}));
  BOOST_TEST(at(*table, "2001:db9::") == (Found{0, 32}));
  BOOST_TEST(at(*table, "::1") == (Found{0, 3}));
}

BOOST_AUTO_TEST_CASE(neighbours_of_one_value_are_one_scope) {
  PrefixTableEditor editor;
  editor.set(prefix("10.0.0.0/24"), 1);
  editor.set(prefix("10.0.1.0/24"), 1);
  editor.set(prefix("0.0.0.0/0"), 9);
  editor.set(prefix("10.2.0.0/16"), 9);  // as what is around it
  const auto table = editor.publish();
  BOOST_TEST(at(*table, "10.0.1.7") == (Found{1, 23}));
  BOOST_TEST(at(*table, "10.2.0.1") == (Found{9, 15}));
}

BOOST_AUTO_TEST_CASE(random_tables_and_their_edits_agree_with_looking_at_everything) {
  for (unsigned round = 0; round < 12; ++round) {
    SeededRandom random(round);
    Naive naive;
    PrefixTableEditor editor;
    for (unsigned step = 0; step < 6; ++step) {
      const unsigned edits = step == 0 ? 1 + static_cast<unsigned>(random.next() % 300) : 20;
      for (unsigned i = 0; i < edits; ++i) {
        if (!naive.entries.empty() && random.next() % 3 == 0) {
          const auto victim = std::next(naive.entries.begin(),
                                        static_cast<std::ptrdiff_t>(random.next() % naive.entries.size()));
          editor.erase(victim->first);
          naive.entries.erase(victim);
        } else {
          const Prefix p = crowded_prefix(random, random.next() % 2 == 0 ? Family::v4 : Family::v6);
          const auto value = static_cast<std::uint32_t>(1 + random.next() % 3);
          editor.set(p, value);
          naive.entries[p] = value;
        }
      }
      editor.erase(crowded_prefix(random, Family::v4));  // hardly ever there
      std::erase_if(naive.entries, [&](const auto& e) { return editor.get(e.first) == 0; });
      const auto table = editor.publish();
      BOOST_TEST(table->size() == naive.entries.size());
      BOOST_TEST(editor.size() == naive.entries.size());
      for (const auto& [p, value] : naive.entries) {
        BOOST_TEST(editor.get(p) == value);
        if (random.next() % 8 == 0)
          for (const IpAddress& edge : edges_of(p)) same(*table, naive, edge);
      }
      for (unsigned i = 0; i < 10; ++i)
        same(*table, naive, random_address(random, i % 2 == 0 ? Family::v4 : Family::v6));
    }
  }
}

BOOST_AUTO_TEST_CASE(crowds_that_divide_nodes_and_leave_again_agree_too) {
  SeededRandom random(99);
  Naive naive;
  PrefixTableEditor editor;
  const auto check = [&] {
    const auto table = editor.publish();
    BOOST_TEST(table->size() == naive.entries.size());
    unsigned i = 0;
    for (const auto& [p, value] : naive.entries)
      if (i++ % 97 == 0)
        for (const IpAddress& edge : edges_of(p)) same(*table, naive, edge);
    for (const auto* far : {"10.200.0.1", "11.0.0.1", "0.0.0.0", "2001:db8:1::", "2002::", "::"})
      same(*table, naive, *parse_ip(far));
  };
  for (unsigned i = 0; i < 900; ++i) {
    IpAddress v4{{10, 7, 0, 0}, Family::v4};
    v4.octets[2] = static_cast<std::uint8_t>(random.next() % 4);
    v4.octets[3] = static_cast<std::uint8_t>(random.next());
    IpAddress v6{{0x20, 1, 0xd, 0xb8}, Family::v6};
    v6.octets[14] = static_cast<std::uint8_t>(random.next() % 3);
    v6.octets[15] = static_cast<std::uint8_t>(random.next());
    for (const IpAddress& ip : {v4, v6}) {
      const auto length = static_cast<std::uint8_t>(bits_of(ip) - random.next() % 4);
      naive.entries[{masked(ip, length), length}] = static_cast<std::uint32_t>(1 + i % 5);
    }
  }
  for (const auto& [p, value] : naive.entries) editor.set(p, value);
  check();
  for (const auto* wide : {"10.7.0.0/16", "10.7.2.0/24", "0.0.0.0/1", "2001:db8::/32", "::/0"}) {
    naive.entries[prefix(wide)] = 77;
    editor.set(prefix(wide), 77);
    check();
  }
  while (naive.entries.size() > 20) {
    for (unsigned i = 0; i < naive.entries.size() / 2; ++i) {
      const auto victim =
          std::next(naive.entries.begin(), static_cast<std::ptrdiff_t>(random.next() % naive.entries.size()));
      editor.erase(victim->first);
      naive.entries.erase(victim);
    }
    check();
  }
  while (!naive.entries.empty()) {
    editor.erase(naive.entries.begin()->first);
    naive.entries.erase(naive.entries.begin());
  }
  check();
  BOOST_TEST(editor.publish()->memory() == PrefixTableEditor().publish()->memory());
}

BOOST_AUTO_TEST_CASE(a_crowd_of_one_value_has_the_scope_of_all_of_it) {
  PrefixTableEditor editor;
  Naive naive;
  for (unsigned i = 0; i < 1024; ++i) {  // 10.16.0.0/22 host by host, all the same
    const Prefix p{{{10, 16, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}, Family::v4},
                   32};
    editor.set(p, 3);
    naive.entries[p] = 3;
  }
  BOOST_TEST(at(*editor.publish(), "10.16.3.9") == (Found{3, 22}));
  editor.set(prefix("10.0.0.0/8"), 3);
  BOOST_TEST(at(*editor.publish(), "10.16.3.9") == (Found{3, 8}));
  editor.set(prefix("0.0.0.0/0"), 3);
  const auto table = editor.publish();
  for (const auto* address : {"10.16.3.9", "10.17.0.0", "192.0.2.1"})
    BOOST_TEST(at(*table, address) == (Found{3, 0}));
}

BOOST_AUTO_TEST_CASE(an_older_table_stays_as_it_was_whoever_goes_first) {
  std::vector<std::shared_ptr<const PrefixTable>> tables;
  {
    PrefixTableEditor editor;
    SeededRandom random(5);
    for (unsigned i = 0; i < 3000; ++i) editor.set(crowded_prefix(random, Family::v4), 1000);
    editor.set(prefix("0.0.0.0/0"), 1000);
    for (std::uint32_t n = 1; n <= 40; ++n) {
      editor.set(prefix("192.0.2.0/24"), n);
      editor.set(prefix("10.0.0.0/8"), n);
      tables.push_back(editor.publish());
      if (n % 3 == 0) tables[n - 2] = nullptr;  // gone while others before and behind it stay
    }
  }
  for (std::uint32_t n = 1; n <= tables.size(); ++n) {
    if (!tables[n - 1]) continue;
    BOOST_TEST(at(*tables[n - 1], "192.0.2.7").value == n);
    BOOST_TEST(at(*tables[n - 1], "198.51.100.1").value == 1000);
    tables[n - 1] = nullptr;
  }
}

BOOST_AUTO_TEST_CASE(tables_share_what_did_not_change_and_memory_comes_back) {
  PrefixTableEditor editor;
  SeededRandom random(6);
  for (unsigned i = 0; i < 50'000; ++i)
    editor.set({masked(random_address(random, Family::v4), 24), 24}, static_cast<std::uint32_t>(1 + i % 4));
  auto first = editor.publish();
  const std::size_t one = editor.memory();
  editor.set(prefix("192.0.2.0/24"), 9);
  auto second = editor.publish();
  BOOST_TEST(editor.memory() < one + 20'000);  // one path, not a second table
  first = nullptr;
  editor.set(prefix("192.0.2.0/24"), 8);
  second = editor.publish();
  const std::size_t later = editor.memory();
  for (unsigned i = 0; i < 1000; ++i) {
    editor.set(prefix("192.0.2.0/24"), i % 2 == 0 ? 9 : 8);
    second = editor.publish();
  }
  BOOST_TEST(editor.memory() < later + 20'000);
}

BOOST_AUTO_TEST_CASE(what_is_not_published_is_known_to_the_editor_alone) {
  PrefixTableEditor editor;
  editor.set(prefix("192.0.2.0/24"), 1);
  const auto before = editor.publish();
  editor.set(prefix("192.0.2.0/25"), 2);
  editor.erase(prefix("192.0.2.0/24"));
  editor.erase(prefix("192.0.2.0/24"));
  editor.erase(prefix("198.51.100.0/24"));
  BOOST_TEST(editor.size() == 1);
  BOOST_TEST(editor.get(prefix("192.0.2.0/25")) == 2);
  BOOST_TEST(editor.get(prefix("192.0.2.0/24")) == 0);
  BOOST_TEST(editor.get(prefix("192.0.2.0/26")) == 0);
  BOOST_TEST(at(*before, "192.0.2.1") == (Found{1, 24}));
  const auto after = editor.publish();
  BOOST_TEST(at(*after, "192.0.2.1") == (Found{2, 25}));
  BOOST_TEST(at(*after, "192.0.2.129") == (Found{0, 25}));
}

BOOST_AUTO_TEST_CASE(threads_read_while_the_editor_publishes) {
  PrefixTableEditor editor;
  for (unsigned i = 0; i < 2000; ++i)
    editor.set({{{10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}, Family::v4}, 24}, 1);
  std::atomic<std::shared_ptr<const PrefixTable>> shown(editor.publish());
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  std::vector<std::thread> readers;
  for (unsigned n = 0; n < 2; ++n)
    readers.emplace_back([&] {
      while (!stop) {
        const auto table = shown.load();
        const std::uint32_t value = at(*table, "10.1.2.3").value;
        for (unsigned i = 0; i < 20; ++i)
          if (at(*table, "10.1.2.3").value != value || at(*table, "10.7.1.1").value != 1) ++wrong;
      }
    });
  for (std::uint32_t n = 2; n < 2000; ++n) {
    editor.set(prefix("10.1.2.0/24"), n);
    shown.store(editor.publish());
  }
  stop = true;
  for (std::thread& t : readers) t.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()
