// One connection to a Redis server: commands out, replies in, each waited for at most so long. The only place
// with raw hiredis. One thread; whatever fails ends the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"

struct redisContext;
struct redisReply;

namespace flagfall::director {

struct RedisAddress {
  std::string socket;    // a path; or, when it is empty,
  Endpoint tcp;          // over TCP, in the clear
  std::string user;      // of the server's ACL; empty: its default user
  std::string password;  // empty: none
  bool operator==(const RedisAddress&) const = default;
};
/// How it is named in messages.
std::string to_string(const RedisAddress& address);

/// A part of a reply; what it does not have is empty or 0. Lives as long as the reply it came from.
class RedisValue {
 public:
  explicit RedisValue(const redisReply* raw) : raw_(raw) {}
  [[nodiscard]] std::string_view text() const;
  /// Also of a text of digits.
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] RedisValue operator[](std::size_t index) const;

 private:
  const redisReply* raw_;
};

class RedisReply {
 public:
  explicit RedisReply(redisReply* raw) : raw_(raw) {}
  [[nodiscard]] RedisValue value() const { return RedisValue(raw_.get()); }

 private:
  struct Deleter {
    void operator()(redisReply* raw) const;
  };
  std::unique_ptr<redisReply, Deleter> raw_;
};

class RedisLink {
 public:
  /// Connected, and the password accepted. `patience`: for this, and for each reply.
  static Result<std::unique_ptr<RedisLink>> open(const RedisAddress& address, Nanos patience);

  /// Sent together with the next reply that is waited for.
  void send(const std::vector<std::string_view>& words);
  /// The reply to the oldest command that has none yet. A refusal is an error.
  Result<RedisReply> receive();
  /// Both.
  Result<RedisReply> ask(const std::vector<std::string_view>& words);

 private:
  struct Deleter {
    void operator()(redisContext* raw) const;
  };
  explicit RedisLink(redisContext* raw) : raw_(raw) {}
  std::unique_ptr<redisContext, Deleter> raw_;
};

}  // namespace flagfall::director
