#include "sim/sample_zone.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace flagfall::sim {
namespace {

constexpr const char* kZone = R"($TTL 300
@       SOA   ns hostmaster 1 7200 3600 604800 60
@       NS    ns
@       MX    10 mail
ns      A     192.0.2.53
mail    A     203.0.113.9
www     A     203.0.113.1
www     AAAA  2001:db8:ffff::1
*.race  A     203.0.113.1
*.race  AAAA  2001:db8:ffff::1
*.race  TXT   "raced names may have other types"
*.api   A     203.0.113.1
plain   A     203.0.113.1
plain   AAAA  2001:db8:ffff::1
)";

/// And the slaves' zones for beacons, with their name servers.
std::string zone_text() {
  std::string out = kZone;
  for (unsigned slave = 0; slave < kNameServers; ++slave) {
    out += fmt::format("ns-slave{0} A {1}\nns-slave{0} AAAA {2}\nslave{0}.beacon NS ns-slave{0}\n", slave,
                       to_string(name_server(slave)[0].ip), to_string(name_server(slave)[1].ip));
  }
  return out;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content)
      : path_((std::filesystem::temp_directory_path() / "flagfall-zone-XXXXXX").string()) {
    const int fd = mkstemp(path_.data());
    if (fd < 0 || write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      throw std::runtime_error("cannot write " + path_ + ": the simulator needs room for a small file there");
    close(fd);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  TemporaryFile(TemporaryFile&&) = delete;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

ServedData serve_sample_zone() {
  const TemporaryFile file(zone_text());
  SeededRandom random(1);
  auto zone = dns::Zone::load(file.path(), "example.test",
                              {{kFirstWildcard, 0}, {kSecondWildcard, 1}, {kRacedName, 0}}, random);
  if (!zone) throw std::runtime_error(zone.error());
  master::Zones zones;
  zones.push_back(std::move(*zone));
  return {std::make_shared<const master::Zones>(std::move(zones)),
          dns::Cookies({{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}})};
}

std::vector<Endpoint> name_server(unsigned slave) {
  return {*parse_endpoint(fmt::format("10.2.{}.1:53", slave)),
          *parse_endpoint(fmt::format("[2001:db8:2::{}]:53", slave + 1))};
}

std::vector<IpAddress> zone_addresses() {
  return {*parse_ip("203.0.113.1"), *parse_ip("2001:db8:ffff::1")};
}

}  // namespace flagfall::sim
