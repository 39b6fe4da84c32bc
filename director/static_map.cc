#include "director/static_map.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/config/types.hh"
#include "director/whole_file.hh"

namespace flagfall::director {
namespace {

/// For an error's one line: no control characters, and not much of it.
std::string shown(std::string_view word) {
  constexpr std::size_t kMost = 60;
  std::string out(word.substr(0, kMost));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return word.size() > kMost ? out + "..." : out;
}

/// The next word of a line, taken off it; empty at its end or at a comment.
std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  if (line.starts_with('#')) line = {};
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r#"));
  line.remove_prefix(word.size());
  return word;
}

class Reader {
 public:
  Reader(const std::string& name, std::span<const std::string> servers) : name_(name), servers_(servers) {}

  void line(std::string_view text) {
    ++line_;
    const std::string_view first = next_word(text);
    if (first.empty()) return;
    const auto prefix = parse_prefix(shown(first));
    if (!prefix) return fail(line_, prefix.error());
    PrefixOrder out{*prefix, {}};
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text))
      if (!add(word, out.order)) return;
    if (out.order.empty()) return fail(line_, fmt::format("'{}' without a server", first));
    entries_.emplace_back(out, line_);
  }

  [[nodiscard]] bool full() const { return entries_.size() > kMostStaticPrefixes; }

  Result<PrefixOrders> finish() {
    if (full()) fail(line_, fmt::format("more than {} prefixes", kMostStaticPrefixes));
    // By line where prefixes are equal, so that the error is at the second one.
    std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
      return std::pair(a.first.prefix, a.second) < std::pair(b.first.prefix, b.second);
    });
    for (std::size_t i = 1; i < entries_.size(); ++i)
      if (entries_[i].first.prefix == entries_[i - 1].first.prefix)
        fail(entries_[i].second, fmt::format("'{}' is there already, in line {}",
                                             to_string(entries_[i].first.prefix), entries_[i - 1].second));
    if (!errors_.empty()) return errors_.all();
    PrefixOrders out;
    out.reserve(entries_.size());
    for (const Entry& entry : entries_) out.push_back(entry.first);
    return out;
  }

 private:
  using Entry = std::pair<PrefixOrder, std::size_t>;  // and its line

  void fail(std::size_t line, std::string_view text) {
    errors_.add(Error{fmt::format("{}:{}: {}", name_, line, text)});
  }

  bool add(std::string_view word, Order& order) {
    const auto at = std::ranges::find(servers_, word);
    if (at == servers_.end()) {
      fail(line_, fmt::format("no server '{}'; there are: {}", shown(word), fmt::join(servers_, ", ")));
      return false;
    }
    const auto server = static_cast<ServerIndex>(at - servers_.begin());
    if (order.has(server)) {
      fail(line_, fmt::format("server '{}' is there twice", word));
      return false;
    }
    if (order.count == Order::kMost) {
      fail(line_, fmt::format("more than {} servers", Order::kMost));
      return false;
    }
    order.push(server);
    return true;
  }

  const std::string& name_;
  std::span<const std::string> servers_;
  std::vector<Entry> entries_;
  config::Errors errors_;
  std::size_t line_ = 0;
};

}  // namespace

Result<PrefixOrders> parse_static_map(std::string_view text, const std::string& name,
                                      std::span<const std::string> servers) {
  Reader reader(name, servers.first(std::min(servers.size(), kMostServers)));
  while (!text.empty() && !reader.full()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reader.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

Result<PrefixOrders> load_static_map(const std::string& path, std::span<const std::string> servers) {
  const auto text = read_whole_file(path, kMostStaticFile);
  if (!text) return Error{text.error()};
  return parse_static_map(*text, path, servers);
}

}  // namespace flagfall::director
