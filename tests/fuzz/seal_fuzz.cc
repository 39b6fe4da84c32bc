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
  constexpr net::SealKey kKey{7, 1, 7};
  net::Sealer sealer(kKey, 99, 3);
  net::Opener opener(kKey);
  std::vector<std::vector<std::uint8_t>> sent;
  std::set<std::size_t> opened;  // places in `sent`
  ByteReader script(Bytes(data, size));

  // As it is: anything at all. Under a key that seals nothing here, because libFuzzer
  // learns authentic datagrams from the comparisons below.
  net::Opener untouched(net::SealKey{1});
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
    const bool authentic = delivered == sent[which];
    const auto result = opener.open(delivered);
    const bool ok = result.verdict == net::Opener::Verdict::ok;
    if (ok != (authentic && !opened.contains(which))) std::abort();
    if (ok && result.plaintext.size() + net::kSealOverhead != sent[which].size()) std::abort();
    if (ok) opened.insert(which);
  }
  return 0;
}
