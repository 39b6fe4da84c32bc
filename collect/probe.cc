#include "collect/probe.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "collect/dns_probe.hh"
#include "common/net/dial.hh"
#include "common/net/http_get.hh"
#include "common/net/udp.hh"
#include "common/wire/dns.hh"

namespace flagfall::collect {
namespace {

using Kind = CheckConfig::Kind;
using Verdict = Finding::Verdict;

/// The time limit, and that something is said once, which all of them share.
class Timed : public Probe {
 public:
  Timed(net::Loop& loop, Nanos timeout, Done done) : done_(std::move(done)) {
    limit_ = loop.after(timeout, [this] { say({Verdict::bad, "no answer in time"}); });
  }

 protected:
  void say(const Finding& finding) {
    limit_ = net::Watch();
    if (auto done = std::exchange(done_, nullptr)) done(finding);
  }
  /// From the loop, for what fails at once.
  void say_soon(net::Loop& loop, Finding finding) {
    limit_ = loop.after(Nanos(0), [this, finding = std::move(finding)] { say(finding); });
  }

 private:
  Done done_;
  net::Watch limit_;
};

class TcpProbe final : public Timed {
 public:
  TcpProbe(net::Loop& loop, const CheckConfig& check, Done done)
      : Timed(loop, check.timeout, std::move(done)),
        dial_(loop, check.address, [this](const std::string& why, bool ours) {
          say({why.empty() ? Verdict::good : ours ? Verdict::broken : Verdict::bad, why});
        }) {}

 private:
  net::Dial dial_;
};

Finding judge(const CheckConfig& check, const Result<net::HttpReply>& reply) {
  if (!reply) return {Verdict::bad, reply.error()};
  const bool wanted = check.status == 0 ? reply->status >= 200 && reply->status < 400
                                        : std::cmp_equal(reply->status, check.status);
  if (!wanted) return {Verdict::bad, fmt::format("status {}", reply->status)};
  if (!check.text.empty() && reply->body.find(check.text) == std::string::npos)
    return {Verdict::bad, "the text is not in its body"};
  return {Verdict::good, {}};
}

class HttpProbe final : public Timed {
 public:
  HttpProbe(net::Loop& loop, const CheckConfig& check, Done done)
      : Timed(loop, check.timeout, std::move(done)),
        get_(loop, {check.address, check.kind == Kind::https, check.host, check.path},
             [this, &check](const Result<net::HttpReply>& reply) { say(judge(check, reply)); }) {}

 private:
  net::HttpGet get_;
};

std::uint16_t type_of(CheckConfig::Type type) {
  switch (type) {
    case CheckConfig::Type::a:
      return wire::rrtype::kA;
    case CheckConfig::Type::aaaa:
      return wire::rrtype::kAaaa;
    case CheckConfig::Type::soa:
      return wire::rrtype::kSoa;
  }
  return wire::rrtype::kA;
}

class DnsProbe final : public Timed {
 public:
  DnsProbe(net::Loop& loop, Random& random, const CheckConfig& check, Done done)
      : Timed(loop, check.timeout, std::move(done)) {
    try {
      fd_ = net::udp_socket({IpAddress{{}, check.address.ip.family}, 0}, {});
    } catch (const std::system_error& error) {
      say_soon(loop, {Verdict::broken, error.code().message()});
      return;
    }
    question_ = encode_dns_question(static_cast<std::uint16_t>(random.next()), *encode_dns_name(check.query),
                                    type_of(check.type));
    const net::SockAddr to(check.address);
    // Connected: a closed port is told at once, and others are not heard.
    if (connect(fd_.get(), &to.any, to.length) < 0 ||
        send(fd_.get(), question_.data(), question_.size(), MSG_NOSIGNAL) < 0) {
      say_soon(loop, {Verdict::bad, std::generic_category().message(errno)});
      return;
    }
    readable_ = loop.on_readable(fd_.get(), [this] { read(); });
  }

 private:
  void read() {
    std::array<std::uint8_t, 4096> room{};
    const ssize_t n = recv(fd_.get(), room.data(), room.size(), 0);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) say({Verdict::bad, std::generic_category().message(errno)});
      return;
    }
    if (const auto finding = judge_dns_answer(Bytes(room).first(static_cast<std::size_t>(n)), question_))
      say(*finding);
  }
  net::Fd fd_;
  std::vector<std::uint8_t> question_;
  net::Watch readable_;
};

/// A try that cannot even begin.
class NoProbe final : public Timed {
 public:
  NoProbe(net::Loop& loop, const CheckConfig& check, Finding finding, Done done)
      : Timed(loop, check.timeout, std::move(done)) {
    say_soon(loop, std::move(finding));
  }
};

}  // namespace

std::unique_ptr<Probe> start_probe(net::Loop& loop, Random& random, const CheckConfig& check,
                                   Probe::Done done) {
  // For want of a descriptor libraries say "no connection", which would count against the server.
  if (const net::Fd spare(::open("/dev/null", O_RDONLY | O_CLOEXEC)); !spare)
    return std::make_unique<NoProbe>(
        loop, check, Finding{Verdict::broken, std::generic_category().message(errno)}, std::move(done));
  switch (check.kind) {
    case Kind::tcp:
      return std::make_unique<TcpProbe>(loop, check, std::move(done));
    case Kind::http:
    case Kind::https:
      return std::make_unique<HttpProbe>(loop, check, std::move(done));
    case Kind::dns:
      return std::make_unique<DnsProbe>(loop, random, check, std::move(done));
    case Kind::script:
      return start_script(loop, check, std::move(done));
  }
  return nullptr;
}

}  // namespace flagfall::collect
