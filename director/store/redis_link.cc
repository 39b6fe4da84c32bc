#include "director/store/redis_link.hh"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <new>

namespace flagfall::director {
namespace {

timeval to_timeval(Nanos time) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(time).count();
  return {us / 1'000'000, us % 1'000'000};
}

Error error_of(const redisContext* context, Nanos patience) {
  if (context == nullptr) return Error{"out of memory"};
  if (context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
    return Error{fmt::format("no answer within {} ms",
                             std::chrono::duration_cast<std::chrono::milliseconds>(patience).count())};
  return Error{&context->errstr[0]};
}

/// A server's words in the log: one line, and not too long.
std::string harmless(std::string_view text) {
  std::string out(text.substr(0, 200));
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace

std::string to_string(const RedisAddress& address) {
  return address.socket.empty() ? to_string(address.tcp) : address.socket;
}

std::string_view RedisValue::text() const {
  if (raw_ == nullptr || (raw_->type != REDIS_REPLY_STRING && raw_->type != REDIS_REPLY_STATUS)) return {};
  return {raw_->str, raw_->len};
}

std::int64_t RedisValue::integer() const {
  if (raw_ != nullptr && raw_->type == REDIS_REPLY_INTEGER) return raw_->integer;
  const std::string_view digits = text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : 0;
}

std::size_t RedisValue::size() const {
  return raw_ != nullptr && raw_->type == REDIS_REPLY_ARRAY ? raw_->elements : 0;
}

RedisValue RedisValue::operator[](std::size_t index) const {
  return RedisValue(index < size() ? raw_->element[index] : nullptr);
}

void RedisReply::Deleter::operator()(redisReply* raw) const {
  freeReplyObject(raw);
}

void RedisLink::Deleter::operator()(redisContext* raw) const {
  redisFree(raw);
}

Result<std::unique_ptr<RedisLink>> RedisLink::open(const RedisAddress& address, Nanos patience) {
  const timeval limit = to_timeval(patience);
  redisContext* raw = address.socket.empty() ? redisConnectWithTimeout(to_string(address.tcp.ip).c_str(),
                                                                       address.tcp.port, limit)
                                             : redisConnectUnixWithTimeout(address.socket.c_str(), limit);
  std::unique_ptr<RedisLink> out(new RedisLink(raw));
  if (raw == nullptr || raw->err != 0) return error_of(raw, patience);
  if (redisSetTimeout(raw, limit) != REDIS_OK) return error_of(raw, patience);
  std::vector<std::string_view> login{"AUTH"};
  if (!address.user.empty()) login.push_back(address.user);
  login.push_back(address.password);
  const auto reply = address.password.empty() ? out->ask({"PING"}) : out->ask(login);
  if (!reply) return Error{reply.error()};
  return out;
}

void RedisLink::send(const std::vector<std::string_view>& words) {
  std::vector<const char*> at;
  std::vector<std::size_t> size;
  for (const std::string_view word : words) {
    at.push_back(word.data());
    size.push_back(word.size());
  }
  if (redisAppendCommandArgv(raw_.get(), static_cast<int>(words.size()), at.data(), size.data()) != REDIS_OK)
    throw std::bad_alloc();
}

Result<RedisReply> RedisLink::receive() {
  void* raw = nullptr;
  errno = 0;
  if (redisGetReply(raw_.get(), &raw) != REDIS_OK || raw == nullptr) {
    const timeval limit = raw_->timeout == nullptr ? timeval{} : *raw_->timeout;
    return error_of(raw_.get(),
                    std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec));
  }
  auto* reply = static_cast<redisReply*>(raw);
  RedisReply out(reply);
  if (reply->type == REDIS_REPLY_ERROR) return Error{harmless({reply->str, reply->len})};
  return out;
}

Result<RedisReply> RedisLink::ask(const std::vector<std::string_view>& words) {
  send(words);
  return receive();
}

}  // namespace flagfall::director
