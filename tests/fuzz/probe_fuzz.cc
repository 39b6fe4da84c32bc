// Probes of `flagfall check`: signed garbage decodes or is refused; what decodes reads back the same.
#include <cstdlib>
#include <vector>

#include "check/arrivals.hh"
#include "check/probe_packet.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  static net::AesCmac mac(std::vector<std::uint8_t>(16, 1));
  (void)check::decode_probe({data, size}, mac);
  if (size > check::kLargeProbe - 16) return 0;
  // Its own length and a good signature: the fields behind them are what is fuzzed.
  std::vector<std::uint8_t> sealed(data, data + size);
  sealed.resize(size + 16);
  if (size >= 8) {
    sealed[6] = static_cast<std::uint8_t>(sealed.size() >> 8);
    sealed[7] = static_cast<std::uint8_t>(sealed.size());
  }
  const auto digest = mac(Bytes(sealed).first(size));
  std::copy(digest.begin(), digest.end(), sealed.end() - 16);
  const auto probe = check::decode_probe(sealed, mac);
  if (!probe) return 0;
  const auto again = check::encode_probe(*probe, sealed.size(), mac);
  const auto back = check::decode_probe(again, mac);
  if (!back || !(*back == *probe)) std::abort();
  check::Arrivals book;
  (void)book.add(*probe, {probe->source, 64, probe->sent, sealed.size()});
  if (!check::parse_verified(book.verified_json())) std::abort();
  return 0;
}
