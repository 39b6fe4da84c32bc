// Sealed datagrams. The input is a script on datagrams that a real sealer made:
// octets of one datagram are changed, cut, repeated or replaced, and only those
// that are byte for byte what was sent, and new, may open.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

#include "common/net/seal.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  // libFuzzer learns whole authentic datagrams from the comparisons below, and would
  // forge with them: each input has a key of its own, where none of another opens.
  net::SealKey key{7, 1, 7};
  for (std::size_t i = 0; i < size; ++i) key[i % 8] = static_cast<std::uint8_t>(key[i % 8] * 31U + data[i]);
  net::Sealer sealer(key, 99, 3);
  net::Opener opener(key);
  std::vector<std::vector<std::uint8_t>> sent;
  std::set<std::size_t> opened;  // places in `sent`
  ByteReader script(Bytes(data, size));

  // As it is: anything at all.
  net::Opener untouched(key);
  std::vector<std::uint8_t> raw(data, data + size);
  if (untouched.open(raw).verdict == net::Opener::Verdict::ok) std::abort();

  while (script.left() > 0 && sent.size() < 64) {
    const std::uint8_t what = script.u8();
    std::vector<std::uint8_t> datagram(net::kSealOverhead + script.u8());
    (void)sealer.seal(datagram, datagram.size() - net::kSealOverhead);
    sent.push_back(datagram);
    const std::size_t which = script.u8() % sent.size();
    std::vector<std::uint8_t> delivered = sent[which];
    if ((what & 1) != 0) delivered.resize(std::min<std::size_t>(delivered.size(), script.u8()));
    if ((what & 2) != 0 && !delivered.empty()) delivered[script.u8() % delivered.size()] ^= script.u8();
    if ((what & 4) != 0) {
      const Bytes tail = script.bytes(std::min<std::size_t>(script.left(), what));
      delivered.insert(delivered.end(), tail.begin(), tail.end());
    }
    // Any of them, not only the one it was made of: libFuzzer learns whole datagrams
    // from this comparison too, and puts one in place of another.
    const auto place = static_cast<std::size_t>(std::ranges::find(sent, delivered) - sent.begin());
    const bool authentic = place < sent.size();
    const auto result = opener.open(delivered);
    const bool ok = result.verdict == net::Opener::Verdict::ok;
    if (ok != (authentic && !opened.contains(place))) std::abort();
    if (ok && result.plaintext.size() + net::kSealOverhead != sent[place].size()) std::abort();
    if (ok) opened.insert(place);
  }
  return 0;
}
