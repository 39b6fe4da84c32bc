// Total readers and writers of big-endian bytes. A read past the end or a write
// past the room sets `ok()` to false for good and yields zeros; nothing throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace flagfall {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};  // NOLINT(*-reinterpret-cast)
}
inline std::string_view as_text(Bytes b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};  // NOLINT(*-reinterpret-cast)
}

class ByteReader {
 public:
  explicit ByteReader(Bytes data) : data_(data) {}

  /// An unsigned or signed integer of sizeof(T) bytes, big-endian.
  template <class T>
  T integer() {
    static_assert(std::is_integral_v<T>);
    const Bytes b = bytes(sizeof(T));
    std::make_unsigned_t<T> v = 0;
    for (const std::uint8_t octet : b)
      v = static_cast<std::make_unsigned_t<T>>((std::uint64_t{v} << 8) | octet);
    return static_cast<T>(v);
  }
  std::uint8_t u8() { return integer<std::uint8_t>(); }
  std::uint16_t u16() { return integer<std::uint16_t>(); }
  std::uint32_t u32() { return integer<std::uint32_t>(); }
  std::uint64_t u64() { return integer<std::uint64_t>(); }
  std::int64_t i64() { return integer<std::int64_t>(); }

  /// A view of the next n bytes; empty, and ok() false, when fewer are left.
  Bytes bytes(std::size_t n) {
    if (n > left()) {
      ok_ = false;
      position_ = data_.size();
      return {};
    }
    const Bytes out = data_.subspan(position_, n);
    position_ += n;
    return out;
  }
  /// A 16-bit length, then as many bytes.
  Bytes sized() { return bytes(u16()); }
  void skip(std::size_t n) { (void)bytes(n); }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t left() const { return data_.size() - position_; }
  /// Everything was read and nothing was missing.
  [[nodiscard]] bool done() const { return ok_ && left() == 0; }

 private:
  Bytes data_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes room) : room_(room) {}

  template <class T>
  void integer(T value) {
    static_assert(std::is_integral_v<T>);
    const MutableBytes out = take(sizeof(T));
    auto v = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
    for (std::size_t i = out.size(); i-- > 0; v >>= 8) out[i] = static_cast<std::uint8_t>(v);
  }
  void u8(std::uint8_t v) { integer(v); }
  void u16(std::uint16_t v) { integer(v); }
  void u32(std::uint32_t v) { integer(v); }
  void u64(std::uint64_t v) { integer(v); }
  void i64(std::int64_t v) { integer(v); }

  void bytes(Bytes b) {
    const MutableBytes out = take(b.size());
    if (!out.empty()) std::memcpy(out.data(), b.data(), out.size());
  }
  /// A 16-bit length, then the bytes; more than 65,535 are an error.
  void sized(Bytes b) {
    if (b.size() > 0xffff) {
      ok_ = false;
      return;
    }
    u16(static_cast<std::uint16_t>(b.size()));
    bytes(b);
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t size() const { return position_; }
  [[nodiscard]] std::size_t left() const { return room_.size() - position_; }
  [[nodiscard]] Bytes written() const { return room_.first(position_); }
  /// Forget what was written after `size`; clears an overflow that came later.
  void rewind(std::size_t size) {
    position_ = size;
    ok_ = true;
  }

 private:
  MutableBytes take(std::size_t n) {
    if (!ok_ || n > left()) {
      ok_ = false;
      return {};
    }
    const MutableBytes out = room_.subspan(position_, n);
    position_ += n;
    return out;
  }
  MutableBytes room_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace flagfall
