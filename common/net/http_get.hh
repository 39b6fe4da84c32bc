// One HTTP(S) GET to an address, for health checks: the status and the first part of
// the body. Bounded; loop thread only. The owner sets the time limit: the object's end
// gives the attempt up. A certificate is not judged: what is asked is whether the server
// behind an address serves, and that address is rarely in its certificate.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

struct HttpQuestion {
  Endpoint to;
  bool tls = false;
  std::string host;  // in the Host field, and for TLS as server name; empty: the address
  std::string path = "/";
};

struct HttpReply {
  int status = 0;
  std::string body;  // the first kMostBody octets at most
};

class HttpGet {
 public:
  static constexpr std::size_t kMostBody = 64 * std::size_t{1024};
  using Done = std::function<void(const Result<HttpReply>&)>;
  /// `done` is called once, from the loop, and may not destroy the object.
  HttpGet(Loop& loop, const HttpQuestion& question, Done done);
  ~HttpGet();
  HttpGet(const HttpGet&) = delete;
  HttpGet& operator=(const HttpGet&) = delete;
  HttpGet(HttpGet&&) = delete;
  HttpGet& operator=(HttpGet&&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flagfall::net
