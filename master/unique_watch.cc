#include "master/unique_watch.hh"

#include <algorithm>
#include <array>

#include "common/http/host_table.hh"
#include "common/wire/dns.hh"

namespace flagfall::master {
namespace {

constexpr std::size_t kMostLabel = 63;  // RFC 1035 §2.3.4

}  // namespace

UniqueWatch::UniqueWatch(const std::string& below, std::uint64_t epoch) : hash_(epoch) {
  if (below.empty()) return;
  const auto name = dns::parse_name(below);
  if (!name) return;  // the configuration is checked
  wire_ = *name;
  text_ = "." + http::canonical_host(below);
}

void UniqueWatch::tell(Bytes label, const IpAddress& who, bool fetched, MonoTime now, RaceLog* log) noexcept {
  if (log == nullptr || !bucket_.may_take(budget_, now)) return;
  budget_ = bucket_.take(budget_, now);
  log->log(UniqueName{who, hash_(label, 0), now, fetched});
}

void UniqueWatch::asked(Bytes name, const IpAddress& resolver, MonoTime now, RaceLog* log) noexcept {
  if (!on() || name.size() < 1 + kLeastLabel + wire_.size()) return;
  const Bytes label = name.subspan(1, name.size() - 1 - wire_.size());
  if (name[0] != label.size() || label.size() > kMostLabel) return;
  if (!std::ranges::equal(name.last(wire_.size()), dns::bytes_of(wire_))) return;
  tell(label, resolver, false, now, log);
}

bool UniqueWatch::fetched(std::string_view host, const IpAddress& client, MonoTime now,
                          RaceLog* log) noexcept {
  if (!on()) return false;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() < kLeastLabel + text_.size()) return false;
  const std::string_view first = host.substr(0, host.size() - text_.size());
  if (first.size() > kMostLabel || first.find('.') != std::string_view::npos) return false;
  if (!std::ranges::equal(host.substr(first.size()), text_, {}, [](char c) {
        return static_cast<char>(wire::lower(static_cast<std::uint8_t>(c)));
      }))
    return false;
  std::array<std::uint8_t, kMostLabel> label{};
  std::ranges::transform(first, label.begin(),
                         [](char c) { return wire::lower(static_cast<std::uint8_t>(c)); });
  tell(Bytes(label).first(first.size()), client, true, now, log);
  return true;
}

}  // namespace flagfall::master
