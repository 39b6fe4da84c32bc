// One web connection's octets: requests in, answers out, in their order. Pure; holds no octets itself, so an
// idle connection costs none.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/http/request_reader.hh"
#include "master/http_desk.hh"

namespace flagfall::master {

class HttpStream {
 public:
  /// `limits` outlives the stream. After `most` requests the connection ends.
  HttpStream(const http::RequestLimits& limits, unsigned most) : reader_(limits), left_(most) {}

  /// What the stream waits for.
  enum class Wait : std::uint8_t {
    request,  // the first octet of one
    header,   // the rest of one
    content,  // which is skipped
    room,     // in `out`: call again with the same octets when it has been sent
    end       // the answers are to be sent, then the connection closed; nothing more is read
  };
  struct Step {
    std::size_t consumed = 0;  // octets that are done with
    unsigned requests = 0;     // that were answered
    Wait wait = Wait::request;
  };
  /// `octets`: all that came and were not consumed. Answers are appended to `out`.
  Step take(std::string_view octets, HttpDesk& desk, const IpAddress& client, MonoTime now,
            ByteWriter& out) noexcept;

 private:
  http::RequestReader reader_;
  unsigned left_;
};

}  // namespace flagfall::master
