// What of the director outlives a process, by names instead of places: bindings and drained servers. Values,
// and what makes them sound; no database here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "director/binding.hh"

namespace flagfall::director {

/// A binding has two records: what was learned, and an operator's word (cause by_hand), which does not change
/// the other. Each is known by service, prefix and that.
struct StoredBinding {
  std::string service;
  Prefix prefix;
  std::vector<std::string> servers;  // best first, Order::kMost at most
  unsigned group = 1;                // the first so many of them are equally good
  Cause cause = Cause::bound;
  Kind kind = Kind::race;
  std::uint16_t agreeing = 0;
  std::uint16_t pieces = 0;
  double advantage = 0;
  RealTime since;    // of the last change
  RealTime renewed;  // the later of two records of a binding is right
  bool operator==(const StoredBinding&) const = default;

  [[nodiscard]] bool by_hand() const { return cause == Cause::by_hand; }
};

/// `gone`: what is left of it are service, prefix, by_hand() and, in `renewed`, when.
struct StoredChange {
  StoredBinding binding;
  bool gone = false;
  bool operator==(const StoredChange&) const = default;
};

struct StoredDrain {
  std::string server;
  std::string by;  // who, for people
  RealTime since;  // of the drain, or of its end
  bool gone = false;
  bool operator==(const StoredDrain&) const = default;
};

struct StoredChanges {
  std::vector<StoredChange> bindings;
  std::vector<StoredDrain> drains;
  bool operator==(const StoredChanges&) const = default;

  [[nodiscard]] std::size_t size() const { return bindings.size() + drains.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
};

/// Names are 1 to 255 octets without commas and control characters, figures are finite and within their
/// ranges, no server is there twice. Nothing else is written, and whatever a file says must be this.
bool sound(const StoredChange& change);
bool sound(const StoredDrain& drain);

/// "fra,nyc", and back; false: not so, or too many.
std::string join_names(const std::vector<std::string>& names);
bool split_names(std::string_view text, std::vector<std::string>& out);
/// By their names; false: there is none of that name.
bool parse_cause(std::string_view text, Cause& out);
bool parse_kind(std::string_view text, Kind& out);

}  // namespace flagfall::director
