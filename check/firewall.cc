#include "check/firewall.hh"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>
#include <vector>

namespace flagfall::check {
namespace {

using Json = nlohmann::json;

/// Deeper than any rule set that a person writes, and than the kernel's own limit.
constexpr unsigned kMostJumps = 16;
/// Rules looked at for one packet.
constexpr unsigned kMostSteps = 100'000;

enum class Truth : std::uint8_t { no, yes, unknown };

Truth negate(Truth t) {
  return t == Truth::unknown ? t : t == Truth::yes ? Truth::no : Truth::yes;
}
Truth truth(bool b) {
  return b ? Truth::yes : Truth::no;
}

const Json& at(const Json& json, const char* key) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}
std::string text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

/// What a packet has in one place: a number, a word or an address; `absent` when it has no such place (the
/// port of an ICMP error), `unknown` when the rules ask for what we do not know.
struct Absent {};
struct Unknown {};
using Field = std::variant<Unknown, Absent, std::int64_t, std::string, IpAddress>;

std::string protocol_of(const Packet& p) {
  switch (p.protocol) {
    case Packet::Protocol::udp:
      return "udp";
    case Packet::Protocol::tcp:
      return "tcp";
    case Packet::Protocol::icmp_unreachable:
      return p.from.ip.family == Family::v4 ? "icmp" : "icmpv6";
  }
  return {};
}

Field port_of(const Packet& p, const std::string& protocol, const std::string& field) {
  if (p.protocol == Packet::Protocol::icmp_unreachable) return Absent{};
  if (protocol != "th" && protocol != protocol_of(p)) return Absent{};
  if (field == "sport") return std::int64_t{p.from.port};
  if (field == "dport") return std::int64_t{p.to.port};
  return Unknown{};
}

Field payload(const Packet& p, const Json& where) {
  const std::string protocol = text(at(where, "protocol"));
  const std::string field = text(at(where, "field"));
  const bool v4 = p.from.ip.family == Family::v4;
  if (protocol == "ip" || protocol == "ip6") {
    if ((protocol == "ip") != v4) return Absent{};
    if (field == "saddr") return p.from.ip;
    if (field == "daddr") return p.to.ip;
    if (field == "protocol" || field == "nexthdr") return protocol_of(p);
    return Unknown{};
  }
  if (protocol == "udp" || protocol == "tcp" || protocol == "th") return port_of(p, protocol, field);
  if (protocol == "icmp" || protocol == "icmpv6") {
    if (protocol != protocol_of(p)) return Absent{};
    return field == "type" ? Field(std::string("destination-unreachable")) : Field(Unknown{});
  }
  // The tests of one protocol do not match a packet of another.
  constexpr std::array<std::string_view, 6> kOthers = {"sctp", "dccp", "udplite", "esp", "ah", "igmp"};
  return std::ranges::find(kOthers, protocol) != kOthers.end() ? Field(Absent{}) : Field(Unknown{});
}

Field field_of(const Packet& p, const std::string& state, const Json& left) {
  if (const Json& where = at(left, "payload"); where.is_object()) return payload(p, where);
  if (const Json& meta = at(left, "meta"); meta.is_object()) {
    const std::string key = text(at(meta, "key"));
    if (key == "l4proto") return protocol_of(p);
    if (key == "nfproto") return std::string(p.from.ip.family == Family::v4 ? "ipv4" : "ipv6");
    if (key == "protocol") return std::string(p.from.ip.family == Family::v4 ? "ip" : "ip6");
    return Unknown{};  // interfaces, marks, users: not ours to say
  }
  if (const Json& ct = at(left, "ct"); ct.is_object() && text(at(ct, "key")) == "state") return state;
  return Unknown{};
}

/// Numbers that nft prints as words, and the other way round, where we care.
bool same_word(const std::string& have, const std::string& wanted) {
  return have == wanted || (have == "icmpv6" && wanted == "ipv6-icmp");
}

class Walk {
 public:
  using Sets = std::map<std::pair<std::string, std::string>, Json>;  // table ("inet f"), name
  Walk(const Packet& packet, std::string table, const Sets& sets)
      : p_(packet), table_(std::move(table)), sets_(sets) {}

  [[nodiscard]] Truth matches(const Json& match, const std::string& state) const {
    const Field have = field_of(p_, state, at(match, "left"));
    if (std::holds_alternative<Absent>(have)) return Truth::no;
    const std::string op = text(at(match, "op"));
    const Truth equal = equals(have, at(match, "right"), 0);
    if (op == "==" || op == "in" || op.empty()) return equal;
    if (op == "!=") return negate(equal);
    return Truth::unknown;
  }

  [[nodiscard]] Truth equals(const Field& have, const Json& wanted, unsigned depth) const {
    if (std::holds_alternative<Unknown>(have) || depth > 4) return Truth::unknown;
    if (wanted.is_array()) return any_of(have, wanted, depth);
    if (const Json& set = at(wanted, "set"); set.is_array()) return any_of(have, set, depth);
    if (const Json& range = at(wanted, "range"); range.is_array() && range.size() == 2)
      return in_range(have, range);
    if (const Json& prefix = at(wanted, "prefix"); prefix.is_object()) return in_prefix(have, prefix);
    if (const Json& element = at(wanted, "elem"); element.is_object())
      return equals(have, at(element, "val"), depth + 1);
    if (wanted.is_number_integer()) {
      const auto* number = std::get_if<std::int64_t>(&have);
      return number == nullptr ? Truth::unknown : truth(*number == wanted.get<std::int64_t>());
    }
    return wanted.is_string() ? equals_word(have, wanted.get<std::string>(), depth) : Truth::unknown;
  }

 private:
  [[nodiscard]] Truth equals_word(const Field& have, const std::string& word, unsigned depth) const {
    if (word == "*") return Truth::yes;
    if (word.starts_with('@')) {
      const auto set = sets_.find({table_, word.substr(1)});
      return set == sets_.end() ? Truth::unknown : any_of(have, set->second, depth);
    }
    if (const auto* mine = std::get_if<std::string>(&have)) return truth(same_word(*mine, word));
    if (const auto* address = std::get_if<IpAddress>(&have)) {
      const auto wanted = parse_ip(word);
      return wanted ? truth(*address == *wanted) : Truth::unknown;
    }
    return Truth::unknown;  // a service's name where we have a number
  }

  [[nodiscard]] Truth any_of(const Field& have, const Json& all, unsigned depth) const {
    Truth found = Truth::no;
    for (const Json& one : all) {
      const Truth t = equals(have, one, depth + 1);
      if (t == Truth::yes) return t;
      if (t == Truth::unknown) found = t;
    }
    return found;
  }

  static Truth in_range(const Field& have, const Json& range) {
    if (const auto* number = std::get_if<std::int64_t>(&have)) {
      if (!range[0].is_number_integer() || !range[1].is_number_integer()) return Truth::unknown;
      return truth(*number >= range[0].get<std::int64_t>() && *number <= range[1].get<std::int64_t>());
    }
    const auto* address = std::get_if<IpAddress>(&have);
    const auto low = parse_ip(text(range[0]));
    const auto high = parse_ip(text(range[1]));
    if (address == nullptr || !low || !high) return Truth::unknown;
    return truth(address->family == low->family && *low <= *address && *address <= *high);
  }

  static Truth in_prefix(const Field& have, const Json& prefix) {
    const auto* address = std::get_if<IpAddress>(&have);
    const auto base = parse_ip(text(at(prefix, "addr")));
    const Json& length = at(prefix, "len");
    if (address == nullptr || !base || !length.is_number_unsigned()) return Truth::unknown;
    if (address->family != base->family) return Truth::no;
    const auto bits = static_cast<unsigned>(std::min<std::uint64_t>(length.get<std::uint64_t>(), 128));
    return truth(masked(*address, bits) == masked(*base, bits));
  }

  const Packet& p_;
  std::string table_;
  const Sets& sets_;
};

struct Rule {
  Json expression;
  std::string name;
};

struct Chain {
  std::string family, table, name;
  std::string type, hook;  // empty: not a base chain
  int priority = 0;
  bool drops = false;  // the policy
  std::vector<Rule> rules;
};

/// Chains of one hook, in the order in which a packet meets them.
std::vector<std::string_view> hooks_of(Packet::Way way) {
  if (way == Packet::Way::in) return {"ingress", "prerouting", "input"};
  return {"output", "postrouting", "egress"};
}

bool applies(const std::string& family, Family of) {
  return family == "inet" || family == "netdev" || family == (of == Family::v4 ? "ip" : "ip6");
}

}  // namespace

struct Firewall::State {
  std::vector<Chain> chains;
  Walk::Sets sets;

  void read(const Json& entry) {
    if (const Json& c = at(entry, "chain"); c.is_object()) {
      Chain chain{text(at(c, "family")),
                  text(at(c, "table")),
                  text(at(c, "name")),
                  text(at(c, "type")),
                  text(at(c, "hook")),
                  0,
                  false,
                  {}};
      if (const Json& priority = at(c, "prio"); priority.is_number_integer())
        chain.priority = priority.get<int>();
      chain.drops = text(at(c, "policy")) == "drop";
      chains.push_back(std::move(chain));
    }
    if (const Json& s = at(entry, "set"); s.is_object())
      sets[{text(at(s, "family")) + " " + text(at(s, "table")), text(at(s, "name"))}] =
          at(s, "elem").is_array() ? at(s, "elem") : Json::array();
    if (const Json& r = at(entry, "rule"); r.is_object()) {
      const Chain* chain = find(text(at(r, "family")), text(at(r, "table")), text(at(r, "chain")));
      if (chain == nullptr || !at(r, "expr").is_array()) return;
      const Json& handle = at(r, "handle");
      chains[static_cast<std::size_t>(chain - chains.data())].rules.push_back(
          {at(r, "expr"), fmt::format("{}, handle {}", name_of(*chain), handle.dump())});
    }
  }

  static std::string name_of(const Chain& c) { return fmt::format("{} {} {}", c.family, c.table, c.name); }

  [[nodiscard]] const Chain* find(const std::string& family, const std::string& table,
                                  const std::string& name) const {
    const auto found = std::ranges::find_if(
        chains, [&](const Chain& c) { return c.family == family && c.table == table && c.name == name; });
    return found == chains.end() ? nullptr : &*found;
  }
};

namespace {

/// One packet's way through the chains.
class Passage {
 public:
  using FindChain = std::function<const Chain*(const Chain& from, const std::string& name)>;
  Passage(const Packet& packet, const Walk::Sets& sets, FindChain find)
      : p_(packet), sets_(sets), find_(std::move(find)), state_(packet.state) {}

  /// Through one base chain. False: it is decided, see `verdict`.
  bool base(const Chain& chain) {
    const End end = run(chain, 0);
    if (end == End::decided) return false;
    if (end == End::accepted || !chain.drops) return true;
    decide(Verdict::Kind::dropped,
           fmt::format("{} {} {}, its policy", chain.family, chain.table, chain.name));
    return false;
  }

  /// An unsure rule before a decision that it might have changed leaves all open.
  [[nodiscard]] Verdict verdict() const {
    const bool open = verdict_.kind == Verdict::Kind::passes ? !maybe_not_.empty() : !maybe_.empty();
    if (!open) return verdict_;
    return {Verdict::Kind::unsure, verdict_.kind == Verdict::Kind::passes ? maybe_not_ : maybe_};
  }

 private:
  enum class End : std::uint8_t { fell_through, accepted, decided };

  void decide(Verdict::Kind kind, std::string rule) { verdict_ = {kind, std::move(rule)}; }

  End run(const Chain& chain, unsigned depth) {
    if (depth > kMostJumps) return End::fell_through;
    const Walk walk(p_, chain.family + " " + chain.table, sets_);
    for (const Rule& rule : chain.rules) {
      if (++steps_ > kMostSteps) {
        maybe_ = maybe_not_ = rule.name;
        return End::fell_through;
      }
      if (const auto end = one(chain, rule, walk, depth)) return *end;
    }
    return End::fell_through;
  }

  /// Nothing: the next rule.
  std::optional<End> one(const Chain& chain, const Rule& rule, const Walk& walk, unsigned depth) {
    bool sure = true;
    for (const Json& part : rule.expression) {
      if (const Json& match = at(part, "match"); match.is_object()) {
        const Truth t = walk.matches(match, state_);
        if (t == Truth::no) return std::nullopt;
        sure = sure && t == Truth::yes;
      } else if (at(part, "limit").is_object() || at(part, "xt").is_object() || part.contains("fib") ||
                 part.contains("quota") || part.contains("connlimit")) {
        sure = false;
      } else if (part.contains("notrack")) {
        if (sure) state_ = "untracked";
      } else if (const Json& map = at(part, "vmap"); map.is_object()) {
        if (const auto end = mapped(chain, rule, map, walk, sure, depth)) return end;
      } else if (const auto end = statement(chain, rule, part, sure, depth)) {
        return end;
      }
    }
    return std::nullopt;
  }

  std::optional<End> mapped(const Chain& chain, const Rule& rule, const Json& map, const Walk& walk,
                            bool sure, unsigned depth) {
    const Json& pairs = at(at(map, "data"), "set");
    const Field have = field_of(p_, state_, at(map, "key"));
    if (std::holds_alternative<Absent>(have)) return std::nullopt;
    if (!pairs.is_array()) return statement(chain, rule, Json{{"drop", nullptr}}, false, depth);
    for (const Json& pair : pairs) {
      if (!pair.is_array() || pair.size() != 2) continue;
      const Truth t = walk.equals(have, pair[0], 0);
      if (t == Truth::no) continue;
      if (const auto end = statement(chain, rule, pair[1], sure && t == Truth::yes, depth)) return end;
      if (t == Truth::yes) break;
    }
    return std::nullopt;
  }

  std::optional<End> statement(const Chain& chain, const Rule& rule, const Json& part, bool sure,
                               unsigned depth) {
    if (!part.is_object()) return std::nullopt;
    if (part.contains("accept")) {
      if (sure) return End::accepted;
      maybe_ = rule.name;
      return std::nullopt;
    }
    const bool refused = part.contains("drop") || part.contains("reject");
    const bool rewritten = part.contains("redirect") || part.contains("dnat") || part.contains("tproxy") ||
                           part.contains("snat") || part.contains("masquerade");
    if (refused || rewritten) {
      if (!sure) {
        maybe_not_ = rule.name;
        return std::nullopt;
      }
      decide(refused ? Verdict::Kind::dropped : Verdict::Kind::rewritten, rule.name);
      return End::decided;
    }
    if (part.contains("return")) return sure ? std::optional(End::fell_through) : std::nullopt;
    return jump(chain, part, sure, depth);
  }

  std::optional<End> jump(const Chain& chain, const Json& part, bool sure, unsigned depth) {
    const bool for_good = part.contains("goto");
    const Json& to = at(part, for_good ? "goto" : "jump");
    const Chain* target = to.is_object() ? find_(chain, text(at(to, "target"))) : nullptr;
    if (target == nullptr) return std::nullopt;
    if (!sure) return maybe(*target, depth);
    const End end = run(*target, depth + 1);
    if (end != End::fell_through || for_good) return end;
    return std::nullopt;
  }

  /// What might happen there only leaves the rest open.
  std::optional<End> maybe(const Chain& target, unsigned depth) {
    const Verdict before = verdict_;
    const End end = run(target, depth + 1);
    if (end == End::accepted) maybe_ = fmt::format("{} {} {}", target.family, target.table, target.name);
    if (end == End::decided) maybe_not_ = verdict_.rule;
    verdict_ = before;
    return std::nullopt;
  }

  const Packet& p_;
  const Walk::Sets& sets_;
  FindChain find_;
  std::string state_;
  Verdict verdict_;
  unsigned steps_ = 0;
  std::string maybe_;      // a rule that may let it through
  std::string maybe_not_;  // a rule that may not
};

}  // namespace

Result<Firewall> Firewall::parse(std::string_view json) {
  const Json whole = Json::parse(json, nullptr, false);
  const Json& entries = at(whole, "nftables");
  if (!entries.is_array()) return Error{"this is not what `nft -j list ruleset` prints"};
  auto state = std::make_shared<State>();
  for (const Json& entry : entries) state->read(entry);
  return Firewall(std::move(state));
}

bool Firewall::empty() const {
  return std::ranges::none_of(state_->chains, [](const Chain& c) { return !c.hook.empty(); });
}

Verdict Firewall::judge(const Packet& packet) const {
  Passage passage(packet, state_->sets, [this](const Chain& from, const std::string& name) {
    return state_->find(from.family, from.table, name);
  });
  for (const std::string_view hook : hooks_of(packet.way)) {
    std::vector<const Chain*> chains;
    for (const Chain& c : state_->chains)
      if (c.hook == hook && applies(c.family, packet.from.ip.family)) chains.push_back(&c);
    std::ranges::stable_sort(chains, {}, [](const Chain* c) { return c->priority; });
    for (const Chain* c : chains)
      if (!passage.base(*c)) return passage.verdict();
  }
  return passage.verdict();
}

}  // namespace flagfall::check
