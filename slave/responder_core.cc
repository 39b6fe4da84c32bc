#include "slave/responder_core.hh"

#include <algorithm>
#include <cstring>

#include "slave/beacon_label.hh"

namespace flagfall::slave {
namespace {

namespace rr = wire::rrtype;

dns::Cookies random_cookies(Random& random) {
  dns::Cookies::Secret secret{};
  for (std::size_t i = 0; i < secret.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(secret.data() + i, &word, sizeof word);
  }
  return dns::Cookies({secret});
}

const wire::PreparedRecords* records_of(const OwnNames::Target& target, std::uint16_t type) {
  const wire::PreparedRecords* records = nullptr;
  if (type == rr::kA) records = &target.a;
  if (type == rr::kAaaa) records = &target.aaaa;
  if (type == rr::kAny) records = target.a.count > 0 ? &target.a : &target.aaaa;  // RFC 8482 §4.1: one set
  return records != nullptr && records->count > 0 ? records : nullptr;
}

}  // namespace

ResponderCore::ResponderCore(const Options& options, Random& random)
    : beacon_key_(options.beacon_key),
      names_(std::make_shared<const OwnNames>()),
      cookies_(random_cookies(random)),
      front_end_(names_->zones, cookies_, options.dns),
      book_(options.beacons),
      limit_(options.limit, random) {
  front_end_.add(*this);
}

void ResponderCore::use(std::shared_ptr<const OwnNames> names) {
  front_end_.use(names->zones);
  names_ = std::move(names);
}

std::size_t ResponderCore::answer(Bytes packet, const Endpoint& client, dns::Transport transport,
                                  const Now& now, MutableBytes room) noexcept {
  client_ = client.ip;
  now_ = now.mono;
  won_.reset();
  const auto result = front_end_.handle(packet, client, transport, now.unix_seconds, query_, room);
  if (result.action != dns::FrontEnd::Result::Action::answer) return 0;
  // Over TCP, or with our cookie, the source is who it says.
  if (transport == dns::Transport::tcp || result.verified) return result.length;
  const auto verdict = limit_.judge(client.ip, now.mono);
  if (verdict == dns::RateLimit::Verdict::answer) return result.length;
  ++counters_.limited;
  return verdict == dns::RateLimit::Verdict::truncate ? front_end_.truncated(query_, result, room) : 0;
}

void ResponderCore::look(const wire::DnsQuery& query, dns::Lookup& found) noexcept {
  const Bytes name = query.name_bytes();
  if (name.size() < 1 + kBeaconLabel || name[0] != kBeaconLabel) return;
  const auto label = parse_beacon_label(name.subspan(1, kBeaconLabel));
  if (!label) return;
  const Bytes zone = name.subspan(1 + kBeaconLabel);
  const auto beacons = std::ranges::find_if(
      names_->beacons, [&](const auto& b) { return std::ranges::equal(dns::bytes_of(b.zone), zone); });
  if (beacons == names_->beacons.end()) return;
  const auto target =
      std::ranges::find_if(beacons->targets, [&](const auto& t) { return t.service == label->service; });
  if (target == beacons->targets.end()) return;
  // Any label of the right form leads to the service, so that caches that come late, or find us restarted,
  // get what they want. Only a genuine one can win.
  const wire::PreparedRecords* const records = records_of(*target, query.type);
  found.kind = records != nullptr ? dns::Lookup::Kind::answer : dns::Lookup::Kind::nodata;
  if (records != nullptr) {
    found.answer = records;
    found.authority = nullptr;
  }
  if (query.type == rr::kA || query.type == rr::kAaaa) asked(*label);
}

void ResponderCore::asked(const BeaconLabel& label) {
  if (!genuine(beacon_key_, label)) {
    ++counters_.forged;
    return;
  }
  BeaconWin win;
  switch (book_.asked(label.race, label.service, client_, now_, win)) {
    case BeaconBook::Asked::win:
      ++counters_.wins;
      won_ = win;
      break;
    case BeaconBook::Asked::again:
      ++counters_.repeated;
      break;
    case BeaconBook::Asked::late:
    case BeaconBook::Asked::early:
    case BeaconBook::Asked::unknown:
      ++counters_.late;
      break;
  }
}

}  // namespace flagfall::slave
