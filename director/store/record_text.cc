#include "director/store/record_text.hh"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <type_traits>

namespace flagfall::director {
namespace {

/// The text up to `mark`, which is taken away with it; all of it when there is no mark.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return out;
}

template <class T>
bool number(std::string_view text, T& out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}
bool number(std::string_view text, double& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool digits(std::string_view text, std::string_view of) {
  return text.find_first_not_of(of) == std::string_view::npos;
}

bool parse_version(std::string_view text, Version& out) {
  std::int64_t at = 0;
  if (text.size() != kVersionText || text[20] != ' ' || !digits(text.substr(0, 20), "0123456789") ||
      !digits(text.substr(21), "0123456789abcdef") || !number(text.substr(0, 20), at) ||
      !number(text.substr(21), out.master, 16))
    return false;
  out.at = from_ns<RealTime>(at);
  return true;
}

std::string figures(const StoredBinding& b) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", join_names(b.servers), b.group,
                     kCauseNames.at(static_cast<std::size_t>(b.cause)),
                     kKindNames.at(static_cast<std::size_t>(b.kind)), b.agreeing, b.pieces, b.advantage,
                     to_ns(b.since));
}

bool parse_figures(std::string_view text, StoredBinding& b) {
  std::int64_t since = 0;
  const bool good = split_names(cut(text, '\t'), b.servers) && number(cut(text, '\t'), b.group) &&
                    parse_cause(cut(text, '\t'), b.cause) && parse_kind(cut(text, '\t'), b.kind) &&
                    number(cut(text, '\t'), b.agreeing) && number(cut(text, '\t'), b.pieces) &&
                    number(cut(text, '\t'), b.advantage) && number(text, since);
  b.since = from_ns<RealTime>(since);
  return good;
}

bool parse_binding(bool by_hand, std::string_view about, std::string_view state, StoredChange& out) {
  StoredBinding& b = out.binding;
  b.service = std::string(cut(about, ','));
  const auto prefix = parse_prefix(about);
  if (!prefix) return false;
  b.prefix = *prefix;
  out.gone = state == "-";
  b.cause = by_hand ? Cause::by_hand : Cause::bound;
  if (out.gone) return true;
  return state.starts_with('+') && parse_figures(state.substr(1), b) && b.by_hand() == by_hand;
}

bool parse_drain(std::string_view about, std::string_view state, StoredDrain& out) {
  out.server = std::string(about);
  out.gone = state.starts_with('-');
  if (state.empty() || (!out.gone && state.front() != '+')) return false;
  out.by = std::string(state.substr(1));
  return true;
}

}  // namespace

RecordKey key_of(const Record& record) {
  if (const auto* change = std::get_if<StoredChange>(&record)) return key_of(change->binding);
  return key_of(std::get<StoredDrain>(record));
}

RealTime time_of(const Record& record) {
  if (const auto* change = std::get_if<StoredChange>(&record)) return change->binding.renewed;
  return std::get<StoredDrain>(record).since;
}

bool sound(const Record& record) {
  return std::visit([](const auto& one) { return sound(one); }, record);
}

StoredChange gone_record(const RecordKey& key, RealTime since) {
  StoredChange out;
  out.gone = true;
  out.binding.service = key.name;
  out.binding.prefix = key.prefix;
  out.binding.cause = key.what == RecordKey::What::by_hand ? Cause::by_hand : Cause::bound;
  out.binding.renewed = since;
  return out;
}

std::string field_of(const RecordKey& key) {
  if (key.what == RecordKey::What::drain) return "d," + key.name;
  return fmt::format("{},{},{}", key.what == RecordKey::What::by_hand ? 'h' : 'b', key.name,
                     to_string(key.prefix));
}

std::string state_of(const Record& record) {
  if (const auto* change = std::get_if<StoredChange>(&record))
    return change->gone ? "-" : "+" + figures(change->binding);
  const auto& drain = std::get<StoredDrain>(record);
  return (drain.gone ? "-" : "+") + drain.by;
}

std::string value_of(const Version& version, std::string_view state) {
  return fmt::format("{:020} {:016x} {}", to_ns(version.at), version.master, state);
}

std::optional<SharedRecord> parse_record(std::string_view field, std::string_view value) {
  SharedRecord out;
  if (value.size() < kVersionText + 2 || value[kVersionText] != ' ' ||
      !parse_version(value.substr(0, kVersionText), out.version))
    return std::nullopt;
  const std::string_view state = value.substr(kVersionText + 1);
  const std::string_view what = cut(field, ',');
  if (what == "d") {
    StoredDrain drain;
    if (!parse_drain(field, state, drain)) return std::nullopt;
    drain.since = out.version.at;
    out.record = std::move(drain);
  } else {
    StoredChange change;
    if ((what != "b" && what != "h") || !parse_binding(what == "h", field, state, change))
      return std::nullopt;
    change.binding.renewed = out.version.at;
    out.record = std::move(change);
  }
  if (!sound(out.record)) return std::nullopt;
  return out;
}

}  // namespace flagfall::director
