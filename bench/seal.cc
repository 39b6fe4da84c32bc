// What an order datagram costs: writing and sealing one at the master, opening and
// reading it at the slave, for several sizes. Prints ns per datagram.
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>
#include <vector>

#include "common/net/seal.hh"
#include "common/wire/order.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a program

namespace {

/// A typical query with EDNS and a cookie.
constexpr std::size_t kRequest = 80;
constexpr std::size_t kBatch = 512;  // datagrams between two looks at the clock
constexpr std::size_t kRounds = 1000;
constexpr std::size_t kRoom = 1232;

/// CPU time of this thread: other load on the machine does not count.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

struct Slot {
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(kRoom);
  std::size_t length = 0;
  Bytes plaintext;
};

/// `work` on every slot; ns are added to `total`.
template <class F>
void timed(std::vector<Slot>& slots, double& total, F work) {
  const double start = cpu_ns();
  for (Slot& slot : slots) work(slot);
  total += cpu_ns() - start;
}

/// Datagrams of `orders` orders each.
void measure(unsigned orders) {
  const std::vector<std::uint8_t> request(kRequest, 7);
  wire::Order order;
  order.instant = from_ns<RefTime>(1'800'000'000'000'000'000);
  order.client = *parse_endpoint("192.0.2.9:5353");
  order.request = request;
  const net::SealKey key{1, 2, 3};
  net::Sealer sealer(key, 1, 0);
  net::Opener opener(key);
  std::vector<Slot> slots(kBatch);
  double write = 0;
  double seal = 0;
  double open = 0;
  double read = 0;
  for (std::size_t i = 0; i < kRounds; ++i) {
    timed(slots, write, [&](Slot& slot) {
      wire::OrderWriter writer(MutableBytes(slot.room).subspan(net::kSealHeader, kRoom - net::kSealOverhead),
                               {});
      for (unsigned k = 0; k < orders; ++k)
        if (!writer.add(order)) std::abort();
      slot.length = writer.size();
    });
    timed(slots, seal, [&](Slot& slot) { slot.length = sealer.seal(slot.room, slot.length); });
    timed(slots, open, [&](Slot& slot) {
      const auto opened = opener.open(MutableBytes(slot.room).first(slot.length));
      if (opened.verdict != net::Opener::Verdict::ok) std::abort();
      slot.plaintext = opened.plaintext;
    });
    timed(slots, read, [&](Slot& slot) {
      wire::OrderReader reader(slot.plaintext);
      wire::Order out;
      unsigned n = 0;
      while (reader.next(out)) ++n;
      if (n != orders || !reader.ok()) std::abort();
    });
  }
  const auto each = [](double total) { return total / static_cast<double>(kBatch * kRounds); };
  fmt::print("{:>7} {:>7} {:>9.0f} {:>9.0f} {:>9.0f} {:>9.0f}\n", orders, slots[0].length, each(write),
             each(seal), each(open), each(read));
}

}  // namespace

int main() {
  fmt::print("ns of CPU per datagram\n");
  fmt::print("{:>7} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "orders", "octets", "write", "seal", "open", "read");
  for (const unsigned orders : {1U, 2U, 4U, 9U}) measure(orders);
}
