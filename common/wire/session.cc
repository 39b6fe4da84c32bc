#include "common/wire/session.hh"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/bytes.hh"
#include "common/wire/pulse.hh"
#include "common/wire/session_fields.hh"

namespace flagfall::wire {
namespace {

constexpr std::size_t kMaxBody = kMaxMessage - kMessageHeader;

// A message's type on the wire is its place in the variant plus one.
constexpr std::array<std::string_view, std::variant_size_v<Message>> kNames{
    "Hello",  "Welcome",   "Refusal",  "Services",     "Ready",     "Heartbeat",
    "Report", "PingOrder", "Evidence", "HomeQuestion", "HomeAnswer"};
static_assert(std::same_as<std::variant_alternative_t<0, Message>, Hello>);
static_assert(std::same_as<std::variant_alternative_t<6, Message>, Report>);
static_assert(std::same_as<std::variant_alternative_t<8, Message>, Evidence>);
static_assert(std::same_as<std::variant_alternative_t<10, Message>, HomeAnswer>);

bool printable(char c) {
  return c >= 0x20 && c <= 0x7e;
}

/// A time point's or a duration's count of ns.
std::int64_t count_of(Nanos d) {
  return d.count();
}
std::int64_t count_of(RefTime t) {
  return to_ns(t);
}

class Encoder {
 public:
  explicit Encoder(MutableBytes room) : writer_(room) {}

  template <std::integral T>
  void integer(const T& value) {
    writer_.integer(value);
  }
  template <class T>
  void scaled(const T& value, std::int64_t least, std::int64_t most) {
    require(count_of(value) >= least && count_of(value) <= most);
    writer_.i64(count_of(value));
  }
  template <class E>
  void choice(const E& value, E last) {
    require(value <= last);
    writer_.u8(static_cast<std::uint8_t>(value));
  }
  void flag(const bool& value) { writer_.u8(value ? 1 : 0); }
  void octets(const std::string& value, std::size_t most) {
    require(value.size() <= most);
    writer_.sized(as_bytes(value));
  }
  void text(const std::string& value, std::size_t most) {
    require(std::ranges::all_of(value, printable));
    octets(value, most);
  }
  void note(const std::string& value, std::size_t most) {
    std::string clean = value.substr(0, most);
    std::ranges::replace_if(clean, std::not_fn(printable), '?');
    octets(clean, most);
  }
  void address(const IpAddress& ip) {
    writer_.u8(static_cast<std::uint8_t>(ip.family));
    writer_.bytes(ip.bytes());
  }
  template <class T, class F>
  void maybe(const std::optional<T>& value, F each) {
    writer_.u8(value ? 1 : 0);
    if (value) each(*value);
  }
  template <class T, class F>
  void list(const std::vector<T>& items, std::size_t most, F each) {
    require(items.size() <= most);
    writer_.u16(static_cast<std::uint16_t>(items.size()));
    for (const T& item : items) {
      if (!ok()) return;
      each(item);
    }
  }
  /// Only a reader meets other versions.
  void ignore_rest() { ok_ = false; }
  void require(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_ && writer_.ok(); }
  [[nodiscard]] std::size_t size() const { return writer_.size(); }

 private:
  ByteWriter writer_;
  bool ok_ = true;
};

class Decoder {
 public:
  explicit Decoder(Bytes body) : reader_(body) {}

  template <std::integral T>
  void integer(T& value) {
    value = reader_.integer<T>();
  }
  template <class T>
  void scaled(T& value, std::int64_t least, std::int64_t most) {
    const std::int64_t ns = reader_.i64();
    require(ns >= least && ns <= most);
    value = T(Nanos(ns));
  }
  template <class E>
  void choice(E& value, E last) {
    const std::uint8_t octet = reader_.u8();
    require(octet <= static_cast<std::uint8_t>(last));
    if (ok_) value = static_cast<E>(octet);
  }
  void flag(bool& value) {
    const std::uint8_t octet = reader_.u8();
    require(octet <= 1);
    value = octet == 1;
  }
  void octets(std::string& value, std::size_t most) {
    const Bytes bytes = reader_.sized();
    require(bytes.size() <= most);
    value = as_text(bytes);
  }
  void text(std::string& value, std::size_t most) {
    octets(value, most);
    require(std::ranges::all_of(value, printable));
  }
  void note(std::string& value, std::size_t most) { text(value, most); }
  void address(IpAddress& ip) {
    const std::uint8_t family = reader_.u8();
    require(family == 4 || family == 6);
    const Bytes bytes = reader_.bytes(family == 6 ? 16 : 4);
    if (ok()) ip = ip_from_bytes(bytes);
  }
  template <class T, class F>
  void maybe(std::optional<T>& value, F each) {
    bool there = false;
    flag(there);
    value.reset();
    if (there && ok()) each(value.emplace());
  }
  template <class T, class F>
  void list(std::vector<T>& items, std::size_t most, F each) {
    const std::size_t count = reader_.u16();
    require(count <= most);
    // Every item takes octets, so the frame bounds how far this grows.
    for (std::size_t i = 0; i < count && ok(); ++i) each(items.emplace_back());
  }
  void ignore_rest() { reader_.skip(reader_.left()); }
  void require(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_ && reader_.ok(); }
  [[nodiscard]] bool done() const { return ok_ && reader_.done(); }

 private:
  ByteReader reader_;
  bool ok_ = true;
};

/// The alternative of index `type - 1`, decoded; false when the body is not one.
template <std::size_t... I>
bool decode(std::size_t index, Bytes body, Message& out, std::index_sequence<I...> /*all*/) {
  bool good = false;
  const auto as = [&]<class M>(M message) {
    Decoder decoder(body);
    fields::all(decoder, message);
    good = decoder.done();
    if (good) out = std::move(message);
  };
  (void)((index == I && (as(std::variant_alternative_t<I, Message>{}), true)) || ...);
  return good;
}

}  // namespace

std::vector<std::uint8_t> encode(const Message& message) {
  std::vector<std::uint8_t> frame(kMaxMessage);
  Encoder encoder(MutableBytes(frame).subspan(kMessageHeader));
  std::visit([&](const auto& m) { fields::all(encoder, m); }, message);
  if (!encoder.ok()) return {};
  ByteWriter header(frame);
  header.u16(static_cast<std::uint16_t>(message.index() + 1));
  header.u16(0);
  header.u32(static_cast<std::uint32_t>(encoder.size()));
  frame.resize(kMessageHeader + encoder.size());
  return frame;
}

Spread spread_of(const Histogram& histogram) {
  const auto at = [&](double q) { return sendable_bound(histogram.quantile(q)); };
  return {histogram.count(), at(0.5), at(0.9), at(0.99), sendable_bound(histogram.max())};
}

std::string_view name_of(const Message& message) {
  return kNames.at(message.index());
}

std::size_t MessageReader::wanted() const {
  if (buffer_.size() < kMessageHeader) return kMessageHeader;
  const std::size_t body = ByteReader(Bytes(buffer_).subspan(4, 4)).u32();
  // Of a frame that cannot be, nothing more is wanted: next() refuses it.
  return body > kMaxBody ? kMessageHeader : kMessageHeader + body;
}

std::size_t MessageReader::feed(Bytes bytes) {
  std::size_t taken = 0;
  while (error_.empty() && taken < bytes.size() && buffer_.size() < wanted()) {
    const Bytes part = bytes.subspan(taken, std::min(bytes.size() - taken, wanted() - buffer_.size()));
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    taken += part.size();
  }
  return taken;
}

MessageReader::State MessageReader::next(Message& out) {
  if (!error_.empty()) return State::malformed;
  if (buffer_.size() < kMessageHeader) return State::need_more;
  ByteReader header(buffer_);
  const std::size_t type = header.u16();
  const unsigned zero = header.u16();
  const std::size_t body = header.u32();
  if (type == 0 || type > kNames.size() || zero != 0) {
    error_ = fmt::format("message type {} is unknown in version {}", type, kSessionVersion);
  } else if (body > kMaxBody) {
    error_ = fmt::format("a {} of {} octets is too long", kNames.at(type - 1), body);
  } else if (buffer_.size() < kMessageHeader + body) {
    return State::need_more;
  } else if (!decode(type - 1, Bytes(buffer_).subspan(kMessageHeader), out,
                     std::make_index_sequence<std::variant_size_v<Message>>())) {
    error_ = fmt::format("a {} of {} octets is malformed", kNames.at(type - 1), body);
  }
  buffer_.clear();
  return error_.empty() ? State::complete : State::malformed;
}

}  // namespace flagfall::wire
