// Any bytes as packets that enter the lab's network, and as words that change
// its links: a fate or an error, and deadlines that never lie in the past.
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <sstream>

#include "lab/control.hh"
#include "lab/network.hh"

namespace {

using namespace flagfall;  // NOLINT(*-using-namespace)

lab::Topology topology() {
  lab::Topology t;
  t.lab = "fuzz";
  t.hosts = {{"a", {*parse_ip("192.0.2.1"), *parse_ip("2001:db8::1")}, {}},
             {"b", {*parse_ip("192.0.2.2"), *parse_ip("2001:db8::2")}, {}}};
  t.default_link = lab::Link{.delay = std::chrono::milliseconds(1), .jitter = std::chrono::milliseconds(1)};
  return t;
}

}  // namespace

/// Lines: `L` and words change links, anything else is a packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const lab::Topology hosts = topology();
  lab::Network network(hosts);
  Bytes rest(data, size);
  MonoTime now{std::chrono::seconds(1)};
  while (!rest.empty()) {
    const std::size_t length = std::min<std::size_t>(rest[0], rest.size() - 1);
    const Bytes part = rest.subspan(1, length);
    rest = rest.subspan(1 + length);
    now += std::chrono::microseconds(10);
    if (!part.empty() && part[0] == 'L') {
      std::istringstream in{std::string(as_text(part.subspan(1)))};
      std::vector<std::string> words;
      for (std::string word; in >> word;) words.push_back(word);
      (void)lab::change_links(words, size % 2 == 0, hosts, network);
      continue;
    }
    const lab::Network::Fate fate = network.accept(0, part, now);
    assert(fate.drop || (fate.to == 1 && fate.deadline >= now));
  }
  return 0;
}
