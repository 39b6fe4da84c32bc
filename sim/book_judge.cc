#include "sim/book_judge.hh"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "sim/disk.hh"

namespace flagfall::sim {
namespace {

/// "Nothing older than a second is lost" (docs/design/store.md).
constexpr Nanos kPromise = std::chrono::seconds(1);
/// A write that failed is tried again after a second, and what waits for it meanwhile is found then.
constexpr Nanos kRetry = std::chrono::milliseconds(1500);

}  // namespace

void BookJudge::bound(const std::string& service, const Prefix& prefix, const std::string& server,
                      RefTime now) {
  commanded_ = now;
  now_.words.insert_or_assign({service, prefix}, Known{server, now});
  now_.taken_back.erase({service, prefix});
}

void BookJudge::unbound(const std::string& service, const Prefix& prefix, RefTime now) {
  commanded_ = now;
  now_.words.erase({service, prefix});
  if (before_) before_->words.erase({service, prefix});
  now_.taken_back.insert_or_assign({service, prefix}, now);
}

void BookJudge::drained(const std::string& server, bool drained, RefTime now) {
  commanded_ = now;
  now_.drains.insert_or_assign(server, Drain{drained, now});
}

void BookJudge::contested(const std::string& service, const Prefix& prefix) {
  for (Memory* const m : {&now_, before_ ? &*before_ : nullptr}) {
    if (m == nullptr) continue;
    m->words.erase({service, prefix});
    m->taken_back.erase({service, prefix});
  }
}

void BookJudge::contested(const std::string& server) {
  now_.drains.erase(server);
  if (before_) before_->drains.erase(server);
}

void BookJudge::forgave() {
  for (Memory* const m : {&now_, before_ ? &*before_ : nullptr}) {
    if (m == nullptr) continue;
    m->taken_back.clear();
    std::erase_if(m->drains, [](const auto& one) { return !one.second.drained; });
  }
}

BookJudge::Said BookJudge::look(const ShownBook& book, RefTime now) {
  std::map<Key, Known> words, learned;
  for (const ShownBinding& b : book.bindings)
    (b.by_hand ? words : learned).try_emplace({b.service, b.prefix}, Known{b.server, now});
  for (const auto& [key, word] : now_.words) {
    const auto at = words.find(key);
    if (at == words.end() || at->second.server != word.server)
      return fmt::format("the operator's binding of {} to {} is gone", to_string(key.second), word.server);
  }
  for (const auto& [server, drain] : now_.drains)
    if (book.drained.contains(server) != drain.drained)
      return fmt::format("{} is {}drained, against the operator's word", server, drain.drained ? "not " : "");
  if (before_ && book.restored)
    if (auto said = survived(book, now)) return said;
  looked_ = true;
  const auto unlike = [](const auto& a, const auto& b) {
    return a.first != b.first || a.second.server != b.second.server;
  };
  if (shares_ && (words.size() != shown_words_.size() ||
                  !std::equal(words.begin(), words.end(), shown_words_.begin(), std::not_fn(unlike))))
    commanded_ = now;
  shown_words_ = words;
  for (auto& [key, known] : learned)
    if (const auto at = now_.learned.find(key); at != now_.learned.end() && at->second.server == known.server)
      known.since = at->second.since;
  now_.learned = std::move(learned);
  // What others have said they may take back.
  if (!book.restored || shares_) return std::nullopt;
  // What came out of the store is as good as said in this process.
  for (const auto& [key, word] : words) now_.words.try_emplace(key, word);
  for (const std::string& server : book.drained) now_.drains.try_emplace(server, Drain{true, now});
  return std::nullopt;
}

void BookJudge::died(RefTime now, bool power, std::vector<Span> excuses) {
  // Who dies before it has read everything leaves what was written before, and what it has written itself.
  if (before_) {
    for (auto& [key, known] : before_->learned)
      if (kept(known.since)) now_.learned.try_emplace(key, known);
    for (auto& [key, known] : before_->words)
      if (kept(known.since) && !now_.taken_back.contains(key)) now_.words.try_emplace(key, known);
    for (auto& [key, when] : before_->taken_back)
      if (kept(when) && !now_.words.contains(key)) now_.taken_back.try_emplace(key, when);
    for (auto& [server, drain] : before_->drains)
      if (kept(drain.since)) now_.drains.try_emplace(server, drain);
  }
  before_ = std::exchange(now_, {});
  looked_ = false;
  died_ = now;
  power_ = power;
  excuses_ = std::move(excuses);
}

bool BookJudge::kept(RefTime since) const {
  if (power_) since += Disk::kUnwritten;
  for (const Span& excuse : excuses_)
    if (since + kPromise > excuse.from) since = std::max(since, excuse.until + kRetry);
  return since + kPromise < died_;
}

BookJudge::Said BookJudge::survived(const ShownBook& book, RefTime now) {
  const Memory before = *std::exchange(before_, std::nullopt);
  commanded_ = now;  // as good as
  std::map<Key, std::string> words, learned;
  for (const ShownBinding& b : book.bindings)
    (b.by_hand ? words : learned).try_emplace({b.service, b.prefix}, b.server);
  for (const auto& [key, word] : before.words) {
    if (now_.words.contains(key) || now_.taken_back.contains(key) || !kept(word.since)) continue;
    const auto at = words.find(key);
    // There may not be room for the words of both processes.
    if (at == words.end() && book.full) continue;
    if (at == words.end() || at->second != word.server)
      return fmt::format("the operator's binding of {} to {} did not survive a restart",
                         to_string(key.second), word.server);
    if (shares_) now_.words.emplace(key, word);
    ++survived_;
  }
  for (const auto& [key, when] : now_.taken_back)
    if (!now_.words.contains(key) && words.contains(key))
      return fmt::format("the operator's binding of {} came back from the disk", to_string(key.second));
  for (const auto& [key, when] : before.taken_back)
    if (!now_.words.contains(key) && kept(when) && words.contains(key))
      return fmt::format("the operator's binding of {} came back with a restart", to_string(key.second));
  for (const auto& [server, drain] : before.drains) {
    if (now_.drains.contains(server) || !kept(drain.since)) continue;
    if (book.drained.contains(server) != drain.drained)
      return fmt::format("{} is {}drained after a restart", server, drain.drained ? "not " : "");
    if (shares_) now_.drains.emplace(server, drain);
    ++survived_;
  }
  // A full table makes room, around or at an operator's word nothing is learned, and what this process has
  // learned before it could read may be better; so may be what another master has learned.
  if (book.full || looked_ || shares_) return std::nullopt;
  for (const auto& [key, known] : before.learned) {
    const auto covered = [&about = key](const auto& word) {
      return word.first.first == about.first && word.first.second.length <= about.second.length &&
             word.first.second.contains(about.second.ip);
    };
    if (!kept(known.since) || std::ranges::any_of(words, covered)) continue;
    const auto at = learned.find(key);
    if (at == learned.end() || at->second != known.server)
      return fmt::format("the binding of {} to {} did not survive a restart", to_string(key.second),
                         known.server);
    ++survived_;
  }
  return std::nullopt;
}

std::optional<std::string> BookJudge::word_for(const std::string& service, const IpAddress& client,
                                               RefTime now, Nanos settled) const {
  if (now - commanded_ < settled || before_) return std::nullopt;
  const std::pair<const Key, Known>* best = nullptr;
  for (const auto& word : shares_ ? shown_words_ : now_.words)
    if (word.first.first == service && word.first.second.contains(client) &&
        (best == nullptr || word.first.second.length > best->first.second.length))
      best = &word;
  return best == nullptr ? std::nullopt : std::optional(best->second.server);
}

}  // namespace flagfall::sim
