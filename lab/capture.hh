// A capture file: packets with stamps, buffered, written in large pieces. One
// thread. Throws std::system_error when the file cannot be made or written.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/time.hh"
#include "common/net/fd.hh"

namespace flagfall::lab {

class Capture {
 public:
  /// Empties or makes the file. Packets are at most `mtu` octets.
  Capture(const std::string& path, unsigned mtu);

  void add(RealTime stamp, Bytes packet);
  /// To the file, now: when there is time, and at the end.
  void flush();

 private:
  static constexpr std::size_t kBuffer = std::size_t{1} << 20;
  net::Fd file_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace flagfall::lab
