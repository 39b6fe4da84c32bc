#include "sim/sharing_judge.hh"

#include <fmt/format.h>

#include <algorithm>

namespace flagfall::sim {
namespace {

/// The first key whose value the two do not share.
template <class Table>
std::optional<typename Table::key_type> first_unlike(const Table& a, const Table& b) {
  for (const auto& [key, value] : a)
    if (const auto at = b.find(key); at == b.end() || at->second != value) return key;
  for (const auto& [key, value] : b)
    if (!a.contains(key)) return key;
  return std::nullopt;
}

template <class Table>
std::string value_of(const Table& table, const typename Table::key_type& key) {
  const auto at = table.find(key);
  return at == table.end() ? "nobody" : at->second;
}

}  // namespace

template <class About>
bool SharingJudge::say(std::map<About, Last>& all, const About& key, Last last) {
  const auto at = all.find(key);
  if (at != all.end() && last.when - at->second.when < kClocks)
    last.certain = at->second.certain && at->second.master == last.master;
  const bool certain = last.certain;
  all.insert_or_assign(key, std::move(last));
  return certain;
}

bool SharingJudge::word(const std::string& master, const Key& key, const std::string& server, RefTime now) {
  trouble(now);
  return say(words_, key, {.master = master, .value = server, .when = now});
}

bool SharingJudge::drain(const std::string& master, const std::string& server, bool drained, RefTime now) {
  trouble(now);
  return say(drains_, server, {.master = master, .value = drained ? "drained" : "", .when = now});
}

void SharingJudge::lost(RefTime now) {
  trouble(now);
  for (auto& [key, last] : words_) last.certain = last.certain && !last.value.empty();
  for (auto& [server, last] : drains_) last.certain = last.certain && !last.value.empty();
}

SharingJudge::Said SharingJudge::look(const std::string& master, const ShownBook& book, RefTime now) {
  Shown& shown = masters_.at(master);
  const bool was_there = shown.read;
  shown = {.there = book.restored,
           .read = was_there || book.restored,
           .words = {},
           .learned = {},
           .drained = book.drained};
  if (!was_there) trouble(now);
  for (const ShownBinding& b : book.bindings)
    (b.by_hand ? shown.words : shown.learned).emplace(Key{b.service, b.prefix}, b.server);
  full_ = full_ || book.full;
  if (now < calm_from_ + kAgree) return std::nullopt;
  for (const auto& [name, other] : masters_) {
    if (!other.there) return std::nullopt;
    if (auto said = unlike(shown, other)) return fmt::format("{}: {} and {}", *said, master, name);
  }
  ++compared_;
  if (auto said = not_last(shown)) return fmt::format("{}: {}", master, *said);
  for (auto& [key, last] : words_) last.seen = true;
  for (auto& [server, last] : drains_) last.seen = true;
  return std::nullopt;
}

SharingJudge::Said SharingJudge::unlike(const Shown& a, const Shown& b) const {
  if (a.drained != b.drained)
    return fmt::format("the drained servers differ ({} and {})", a.drained.size(), b.drained.size());
  // A full table has no room for all words.
  if (full_) return std::nullopt;
  if (const auto key = first_unlike(a.words, b.words))
    return fmt::format("the operators' words for {} {} differ ({} and {})", key->first,
                       to_string(key->second), value_of(a.words, *key), value_of(b.words, *key));
  return std::nullopt;
}

SharingJudge::Said SharingJudge::not_last(const Shown& shown) const {
  for (const auto& [server, last] : drains_)
    if (last.certain && shown.drained.contains(server) == last.value.empty())
      return fmt::format("{} is {}drained, against the operator's last word", server,
                         last.value.empty() ? "" : "not ");
  for (const auto& [key, last] : words_) {
    if (!last.certain) continue;
    const auto at = shown.words.find(key);
    if (last.value.empty() && at != shown.words.end())
      return fmt::format("the operator's binding of {} {} has come back", key.first, to_string(key.second));
    if (last.value.empty() || full_) continue;
    if (at == shown.words.end() || at->second != last.value)
      return fmt::format("{} {} is not bound to {}, the operator's last word", key.first,
                         to_string(key.second), last.value);
  }
  return std::nullopt;
}

template <class About, class Tell>
void SharingJudge::lose_unseen(std::map<About, Last>& all, const std::string& master, const Tell& tell) {
  for (auto& [key, last] : all) {
    if (last.seen || last.master != master) continue;
    last.certain = false;
    if (last.value.empty()) tell(key);
  }
}

void SharingJudge::died(const std::string& master, RefTime now, const std::function<void(const Key&)>& word,
                        const std::function<void(const std::string&)>& drain) {
  masters_.at(master) = {};
  trouble(now);
  lose_unseen(words_, master, word);
  lose_unseen(drains_, master, drain);
}

SharingJudge::Said SharingJudge::differs() const {
  for (const auto& [a, first] : masters_)
    for (const auto& [b, second] : masters_) {
      if (!first.there || !second.there) return fmt::format("{} or {} has not read everything", a, b);
      if (auto said = unlike(first, second)) return fmt::format("{}: {} and {}", *said, a, b);
      if (full_) continue;
      if (const auto key = first_unlike(first.learned, second.learned))
        return fmt::format("what is learned of {} {} differs ({} at {}, {} at {})", key->first,
                           to_string(key->second), value_of(first.learned, *key), a,
                           value_of(second.learned, *key), b);
    }
  return std::nullopt;
}

}  // namespace flagfall::sim
