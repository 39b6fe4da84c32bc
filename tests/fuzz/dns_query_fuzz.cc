// Any datagram: parse_query gives a verdict, and write_answer an answer that
// fits, is a response, and echoes what was asked.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/wire/dns_answer.hh"

using flagfall::Bytes;
namespace wire = flagfall::wire;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

const wire::PreparedRecords& records() {
  static const wire::PreparedRecords made = [] {
    std::vector<flagfall::IpAddress> list;
    list.reserve(12);
    for (int i = 0; i < 12; ++i)
      list.push_back(flagfall::ip_from_bytes(std::array<std::uint8_t, 4>{192, 0, 2, 1}));
    return wire::prepare_addresses(list, 60);
  }();
  return made;
}

void check_answer(const wire::DnsQuery& query, Bytes packet, wire::Rcode rcode, std::size_t limit) {
  static std::array<std::uint8_t, wire::kMaxDnsMessage> room;
  static const std::array<std::uint8_t, 16> cookie{1, 2, 3};
  wire::AnswerOptions options;
  options.rcode = rcode;
  options.nsid = flagfall::as_bytes("fuzz");
  options.server_cookie = cookie;
  options.ede = 20;
  if (const auto subnet = wire::client_subnet(query)) options.subnet_scope = subnet->length;
  const wire::AnswerSections sections{&records(), &records(), &records(), limit % 2 == 0};
  const std::size_t n = wire::write_answer(query, sections, options, limit, room);
  const Bytes answer = Bytes(room).first(n);
  require(n >= wire::kDnsHeader && n <= limit);
  require(std::ranges::equal(answer.first(2), packet.first(2)));
  require((answer[2] & 0x80) != 0);
  wire::DnsQuery again;
  require(wire::parse_query(answer, again) == wire::QueryVerdict::silence);  // no two of us talk for ever
  const std::size_t question = query.question_end - wire::kDnsHeader;
  require(std::ranges::equal(answer.subspan(wire::kDnsHeader, question),
                             packet.subspan(wire::kDnsHeader, question)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes packet(data, size);
  static wire::DnsQuery query;
  const wire::QueryVerdict verdict = wire::parse_query(packet, query);
  require((verdict == wire::QueryVerdict::silence) == (size < wire::kDnsHeader || (data[2] & 0x80) != 0));
  if (verdict == wire::QueryVerdict::silence) return 0;
  require(query.question_end <= size && query.name_length <= wire::kMaxName && query.udp_size >= 512);
  if (verdict == wire::QueryVerdict::ok)
    require(query.name_length > 0 ? query.name[query.name_length - 1] == 0 : query.client_cookie.has_value());
  if (const auto subnet = wire::client_subnet(query))
    require(subnet->length > 0 && subnet->length <= subnet->ip.size() * 8 &&
            masked(subnet->ip, subnet->length) == subnet->ip);
  const wire::Rcode rcode = verdict == wire::QueryVerdict::ok ? wire::Rcode::noerror : wire::Rcode::formerr;
  for (const std::size_t limit : {512UL, 513UL, 1232UL, 65535UL}) check_answer(query, packet, rcode, limit);
  return 0;
}
