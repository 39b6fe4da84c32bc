#include "tests/unit/dns/dns_text.hh"

#include <ldns/ldns.h>
#undef bool
#undef true
#undef false
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/source_path.hh"

namespace flagfall::test {
namespace {

std::string line_of(const ldns_rr* rr, bool question) {
  const std::unique_ptr<char, decltype(&std::free)> text(ldns_rr2str(rr), std::free);
  std::string line(text.get());
  std::erase(line, '\n');
  for (char& c : line)
    if (c == '\t') c = ' ';
  if (const auto in = line.find(" IN "); in != std::string::npos) line.erase(in, 3);
  if (question) line = line.substr(0, line.find_last_not_of(' ') + 1);
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::vector<std::string> lines_of(const ldns_rr_list* list, bool question = false) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i)
    out.push_back(line_of(ldns_rr_list_rr(list, i), question));
  return out;
}

/// ldns keeps an OPT's options as they are on the wire.
void read_options(const ldns_rdf* rdf, Answer& out) {
  if (rdf == nullptr) return;
  ByteReader in({ldns_rdf_data(rdf), ldns_rdf_size(rdf)});
  while (in.left() > 0) {
    const unsigned code = in.u16();
    out.options.emplace_back(code, std::string(as_text(in.sized())));
  }
}

}  // namespace

const std::string* Answer::option(unsigned code) const {
  for (const auto& [c, data] : options)
    if (c == code) return &data;
  return nullptr;
}

Answer read_answer(Bytes wire) {
  Answer out;
  ldns_pkt* raw = nullptr;
  if (ldns_wire2pkt(&raw, wire.data(), wire.size()) != LDNS_STATUS_OK) return out;
  const std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)> pkt(raw, ldns_pkt_free);
  out.readable = true;
  out.id = ldns_pkt_id(raw);
  out.rcode = ldns_pkt_get_rcode(raw);
  out.opcode = ldns_pkt_get_opcode(raw);
  out.qr = ldns_pkt_qr(raw);
  out.aa = ldns_pkt_aa(raw);
  out.tc = ldns_pkt_tc(raw);
  out.rd = ldns_pkt_rd(raw);
  out.ra = ldns_pkt_ra(raw);
  out.ad = ldns_pkt_ad(raw);
  out.cd = ldns_pkt_cd(raw);
  out.question = lines_of(ldns_pkt_question(raw), true);
  out.answer = lines_of(ldns_pkt_answer(raw));
  out.authority = lines_of(ldns_pkt_authority(raw));
  out.additional = lines_of(ldns_pkt_additional(raw));
  out.edns = ldns_pkt_edns(raw);
  out.dnssec_ok = ldns_pkt_edns_do(raw);
  out.udp_size = ldns_pkt_edns_udp_size(raw);
  out.version = ldns_pkt_edns_version(raw);
  out.extended_rcode = out.rcode | static_cast<unsigned>(ldns_pkt_edns_extended_rcode(raw)) << 4;
  read_options(ldns_pkt_edns_data(raw), out);
  return out;
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "flagfall-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  path_ = pattern;
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
std::string TempDir::file(const std::string& name, const std::string& text) const {
  std::string path = path_ + "/" + name;
  std::ofstream(path) << text;
  return path;
}

std::unique_ptr<dns::Zone> load_zone_text(const std::string& text, const std::vector<dns::RacedName>& raced,
                                          std::string& error, const std::string& origin) {
  const TempDir dir;
  SeededRandom random(1);
  auto zone = dns::Zone::load(dir.file("zone", text), origin, raced, random);
  error = zone ? "" : zone.error();
  for (std::size_t at = 0; (at = error.find(dir.path() + "/")) != std::string::npos;)
    error.erase(at, dir.path().size() + 1);
  return zone ? std::move(*zone) : nullptr;
}

std::unique_ptr<dns::Zone> example_zone() {
  SeededRandom random(1);
  auto zone = dns::Zone::load(test::source_path("tests/unit/dns/example.zone"), "example.test",
                              {{"www.example.test", 0}, {"*.race.example.test", 1}}, random);
  if (!zone) throw std::runtime_error(zone.error());
  return std::move(*zone);
}

}  // namespace flagfall::test
