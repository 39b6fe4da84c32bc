#include "tools/racer.hh"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <memory>
#include <ostream>
#include <system_error>
#include <utility>

#include "common/net/loop.hh"
#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"
#include "common/net/worker.hh"
#include "common/wire/dns.hh"
#include "tools/admin_client.hh"
#include "tools/dns_client.hh"
#include "tools/race_book.hh"
#include "tools/race_report.hh"

namespace flagfall::tools {
namespace {

/// Well below the usual limit of 1,024 descriptors; queries beyond it wait for a race to end.
constexpr std::size_t kMostOpen = 500;
/// Exit status, beside 0, 1 (nobody answered) and 2 (the command line).
constexpr int kReportsLost = 3;

class Racer {
 public:
  Racer(const RaceOptions& options, const Clock& clock, Random& random, std::ostream& out, std::ostream& err)
      : options_(options), clock_(clock), random_(random), out_(out), err_(err), book_(options.errors) {
    const std::uint64_t bits = random_.next();
    for (unsigned i = 0; i < cookie_.client.size(); ++i)
      cookie_.client.at(i) = static_cast<std::uint8_t>(bits >> (8 * i));
  }

  int run() {
    const net::Watch interrupt = loop_.on_signal(SIGINT, [this] { stop(); });
    const net::Watch terminate = loop_.on_signal(SIGTERM, [this] { stop(); });
    const std::string type = options_.type == wire::rrtype::kAaaa ? "AAAA" : "A";
    const std::string title = fmt::format("{} {} @{}", options_.pattern, type, to_string(options_.master));
    if (!options_.json) print("racing " + title);
    ask();
    if (options_.count != 1) ticker_ = loop_.every(options_.interval, [this] { ask(); });
    if (!done()) loop_.run();
    send_last_reports();
    if (!options_.json) print("\n" + book_.summary(title));
    if (book_.answered() == 0) return 1;
    return reports_.lost() ? kReportsLost : 0;
  }

 private:
  /// One query that is still listened for.
  struct Flight {
    Query query;
    net::Fd fd;
    RealTime sent;
    RaceReport report;
    net::Watch readable;
    net::Watch deadline;
  };

  void print(const std::string& line) { out_ << line << (line.ends_with('\n') ? "" : "\n") << std::flush; }

  [[nodiscard]] bool done() const { return stopping_ && flights_.empty(); }

  std::uint16_t fresh_id() {
    for (;;) {
      const auto id = static_cast<std::uint16_t>(random_.next());
      bool used = false;
      for (const auto& [race, flight] : flights_) used = used || flight->query.id == id;
      if (!used) return id;
    }
  }

  void ask() {
    if (stopping_ || flights_.size() >= kMostOpen) return;
    const std::string name = fill_pattern(options_.pattern, random_);
    auto wire = wire_name(name);
    auto flight = std::make_unique<Flight>();
    flight->query.name = std::move(*wire);  // the caller checked the pattern
    if (options_.random_case) randomize_case(flight->query.name, random_);
    flight->query.type = options_.type;
    flight->query.id = fresh_id();
    if (options_.cookie) flight->query.cookie = cookie_;
    flight->report.name = name;
    const unsigned race = book_.start(name);
    try {
      send(*flight, race);
      flight->readable = loop_.on_readable(flight->fd.get(), [this, race] { read(race); });
    } catch (const std::system_error& error) {
      // The first one ends the run: nothing works. Later ones are of a network that comes and goes,
      // lost races; and they may not leave through libevent.
      if (race == 1) throw;
      flight->fd = net::Fd();
      err_ << fmt::format("race {}: {}\n", race, error.what());
    }
    flight->deadline = loop_.after(options_.wait, [this, race] { end(race); });
    flights_.emplace(race, std::move(flight));
    if (options_.count != 0 && race == options_.count) {
      stopping_ = true;
      ticker_ = {};
    }
  }

  void send(Flight& flight, unsigned race) {
    const IpAddress any{{}, options_.master.ip.family};
    flight.fd = net::udp_socket({any, 0}, {.receive_stamps = true});
    const net::SockAddr to(options_.master);
    // Connected: other sources do not reach us, and ICMP errors do.
    if (connect(flight.fd.get(), &to.any, to.length) != 0)
      throw std::system_error(errno, std::generic_category(), "no way to " + to_string(options_.master));
    if (options_.report) flight.report.client = net::local_endpoint(flight.fd);
    const std::vector<std::uint8_t> datagram = write_query(flight.query);
    flight.sent = clock_.real();
    if (::send(flight.fd.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0)
      err_ << fmt::format("race {}: cannot send: {}\n", race, std::generic_category().message(errno));
  }

  void read(unsigned race) {
    const auto at = flights_.find(race);
    if (at == flights_.end() || !at->second->fd) return;
    for (;;) {
      const std::uint64_t errors = receiver_.errors();
      const auto datagrams = receiver_.receive(at->second->fd);
      book_.ignored.icmp += receiver_.errors() - errors;
      for (const net::Datagram& datagram : datagrams) take(*at->second, race, datagram);
      if (datagrams.size() < net::UdpReceiver::kBatch) return;
    }
  }

  void take(Flight& flight, unsigned race, const net::Datagram& datagram) {
    Answer answer;
    switch (read_answer(datagram.data, flight.query, answer)) {
      case AnswerVerdict::ok: {
        if (!answer.server_cookie.empty()) cookie_.server = std::move(answer.server_cookie);
        const RealTime at = datagram.stamp == RealTime() ? clock_.real() : clock_.stamp(datagram.stamp);
        const std::string line =
            book_.arrive(race, {label(answer), at - flight.sent, std::move(answer.nsid)});
        if (options_.report)
          flight.report.arrivals.push_back({std::move(answer.addresses), at - flight.sent});
        if (!options_.json) print(line);
        return;
      }
      case AnswerVerdict::wrong_id:
        ++book_.ignored.wrong_id;
        return;
      case AnswerVerdict::wrong_question:
        ++book_.ignored.wrong_question;
        return;
      case AnswerVerdict::wrong_cookie:
        ++book_.ignored.wrong_cookie;
        return;
      case AnswerVerdict::malformed:
        ++book_.ignored.malformed;
        return;
    }
  }

  void end(unsigned race) {
    read(race);  // what arrived just before the deadline
    if (options_.json) print(book_.json(race));
    const std::string line = book_.finish(race, options_.wait);
    if (!options_.json && !line.empty()) print(line);
    report(*flights_.at(race));
    flights_.erase(race);
    if (done()) loop_.stop();
  }

  void report(Flight& flight) {
    if (!options_.report) return;
    flight.report.dns_id = flight.query.id;
    flight.report.type = flight.query.type;
    reports_.add(std::move(flight.report));
    send_reports();
  }

  /// In a thread of its own: a master that is slow to listen must not delay a query.
  void send_reports() {
    if (sender_.busy() || !reports_.waiting()) return;
    sender_.start([target = *options_.report, body = reports_.take(), this]() -> net::Callback {
      const Result<std::string> answer = post(target, body);
      return [this, answer] {
        reports_.answered(answer);
        if (last_reports_) {
          loop_.stop();
        } else {
          send_reports();
        }
      };
    });
  }

  static Result<std::string> post(const AdminTarget& target, const std::string& body) {
    try {
      return tools::ask(target, "POST", "/client-report", body);
    } catch (const std::system_error& error) {
      return Error{error.what()};
    }
  }

  /// What came in at the end. No race is under way any more: it may take its time.
  void send_last_reports() {
    if (!options_.report) return;
    last_reports_ = true;
    while (sender_.busy()) loop_.run();
    while (reports_.waiting() && reports_.trouble().empty())
      reports_.answered(post(*options_.report, reports_.take()));
    reports_.give_up();
    err_ << "flagfall race: " << reports_.summary() << '\n';
  }

  /// Interrupted: what has an answer counts, what still waits does not.
  void stop() {
    stopping_ = true;
    ticker_ = {};
    while (!flights_.empty()) {
      const unsigned race = flights_.begin()->first;
      read(race);
      if (book_.arrived(race)) {
        end(race);
      } else {
        book_.forget(race);
        flights_.erase(race);
      }
    }
    loop_.stop();
  }

  const RaceOptions& options_;
  const Clock& clock_;
  Random& random_;
  std::ostream& out_;
  std::ostream& err_;
  ClientCookie cookie_;
  RaceBook book_;
  net::UdpReceiver receiver_;
  RaceReports reports_;
  net::Loop loop_;
  net::Worker sender_{loop_};
  net::Watch ticker_;
  std::map<unsigned, std::unique_ptr<Flight>> flights_;
  bool stopping_ = false;
  bool last_reports_ = false;
};

}  // namespace

int race(const RaceOptions& options, const Clock& clock, Random& random, std::ostream& out,
         std::ostream& err) {
  return Racer(options, clock, random, out, err).run();
}

}  // namespace flagfall::tools
