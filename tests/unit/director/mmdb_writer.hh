// Writes small MaxMind DB files (File Format Specification 2.0), right ones and such as nobody else would
// write: a network's data is whatever octets the test says.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/ip.hh"

namespace flagfall::test {

namespace mmdb {

inline std::string big_endian(std::uint64_t value, unsigned octets) {
  std::string out;
  for (unsigned i = octets; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}
/// Types above 7 are extended; sizes up to 284.
inline std::string control(unsigned type, std::size_t size) {
  const std::size_t low = size < 29 ? size : 29;
  std::string out;
  out += static_cast<char>((type > 7 ? 0 : type << 5) | low);
  if (type > 7) out += static_cast<char>(type - 7);
  if (low == 29) out += static_cast<char>(size - 29);
  return out;
}
inline std::string text(std::string_view value) {
  return control(2, value.size()) + std::string(value);
}
inline std::string number(double value) {
  return control(3, 8) + big_endian(std::bit_cast<std::uint64_t>(value), 8);
}
inline std::string small_number(float value) {
  return control(15, 4) + big_endian(std::bit_cast<std::uint32_t>(value), 4);
}
/// `type`: 5 for 16 bits, 6 for 32, 9 for 64.
inline std::string integer(unsigned type, std::uint64_t value) {
  return control(type, 4) + big_endian(value, 4);
}
inline std::string short_integer(std::uint64_t value) {
  return control(5, 2) + big_endian(value, 2);
}
/// Values are encoded already.
inline std::string map(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = control(7, entries.size());
  for (const auto& [key, value] : entries) out += text(key) + value;
  return out;
}
inline std::string array(const std::vector<std::string>& values) {
  std::string out = control(11, values.size());
  for (const std::string& value : values) out += value;
  return out;
}
/// Four octets long, whatever the offset.
inline std::string pointer(std::uint32_t offset) {
  return static_cast<char>(1 << 5 | 3 << 3) + big_endian(offset, 4);
}
inline std::string location(double latitude, double longitude) {
  return map({{"location", map({{"latitude", number(latitude)}, {"longitude", number(longitude)}})}});
}

}  // namespace mmdb

class MmdbWriter {
 public:
  explicit MmdbWriter(unsigned ip_version = 6, unsigned record_size = 28)
      : ip_version_(ip_version), record_size_(record_size) {
    nodes_.emplace_back();
  }

  /// Its offset in the data section.
  std::uint32_t add(const std::string& value) {
    const auto at = static_cast<std::uint32_t>(data_.size());
    data_ += value;
    return at;
  }
  void set(std::string_view prefix, std::uint32_t offset) { place(prefix, kData + offset); }
  /// The IPv4 tree shows there, too.
  void alias(std::string_view prefix) {
    std::uint64_t node = 0;
    for (int i = 0; i < 96; ++i) node = nodes_.at(node)[0];
    place(prefix, node);
  }
  /// A network points to any node, or to what is none.
  void point(std::string_view prefix, std::uint64_t node) { place(prefix, node); }

  /// With other metadata than what is true.
  std::string finish(const std::string& metadata) const {
    std::string out;
    for (const auto& node : nodes_) {
      const std::uint64_t left = record(node[0]);
      const std::uint64_t right = record(node[1]);
      if (record_size_ == 28)
        out += mmdb::big_endian(left & 0xffffff, 3) + static_cast<char>((left >> 24 << 4) | right >> 24) +
               mmdb::big_endian(right & 0xffffff, 3);
      else
        out += mmdb::big_endian(left, record_size_ / 8) + mmdb::big_endian(right, record_size_ / 8);
    }
    return out + std::string(16, '\0') + data_ + "\xab\xcd\xefMaxMind.com" + metadata;
  }
  std::string finish() const { return finish(metadata(nodes_.size())); }
  std::string metadata(std::uint64_t nodes) const {
    return mmdb::map({{"node_count", mmdb::integer(6, nodes)},
                      {"record_size", mmdb::short_integer(record_size_)},
                      {"ip_version", mmdb::short_integer(ip_version_)},
                      {"database_type", mmdb::text("Test")},
                      {"languages", mmdb::array({mmdb::text("en")})},
                      {"binary_format_major_version", mmdb::short_integer(2)},
                      {"binary_format_minor_version", mmdb::short_integer(0)},
                      {"build_epoch", mmdb::integer(9, 1)},
                      {"description", mmdb::map({{"en", mmdb::text("A test's")}})}});
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static constexpr std::uint64_t kData = std::uint64_t{1} << 40;

  std::uint64_t record(std::uint64_t value) const {
    if (value == kEmpty) return nodes_.size();
    return value >= kData ? nodes_.size() + 16 + (value - kData) : value;
  }

  void place(std::string_view text, std::uint64_t value) {
    const Prefix prefix = *parse_prefix(text);
    std::vector<bool> bits;
    if (ip_version_ == 6 && prefix.ip.family == Family::v4) bits.assign(96, false);
    for (unsigned i = 0; i < prefix.length; ++i)
      bits.push_back((prefix.ip.octets.at(i / 8) >> (7 - i % 8) & 1) != 0);
    std::uint64_t node = 0;
    for (std::size_t i = 0; i + 1 < bits.size(); ++i) {
      std::uint64_t next = nodes_.at(node)[bits[i] ? 1 : 0];
      if (next >= kData) {  // empty or data: a node of its own, with what was there on both sides
        const std::uint64_t before = next;
        next = nodes_.size();
        nodes_.at(node)[bits[i] ? 1 : 0] = next;
        nodes_.emplace_back(before, before);
      }
      node = next;
    }
    nodes_.at(node)[bits.back() ? 1 : 0] = value;
  }

  struct Node : std::array<std::uint64_t, 2> {
    Node() : array{kEmpty, kEmpty} {}
    Node(std::uint64_t left, std::uint64_t right) : array{left, right} {}
  };
  unsigned ip_version_;
  unsigned record_size_;
  std::vector<Node> nodes_;
  std::string data_;
};

}  // namespace flagfall::test
