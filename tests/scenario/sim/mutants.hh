// Masters and slaves with a known bug each, put between a core and the world: the
// judge must find every one, or the campaign proves nothing.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "sim/scenario.hh"

namespace mutants {

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)

/// Every fiftieth answer, so that the bug is rare.
class Rarely {
 public:
  bool operator()() { return ++calls_ % 50 == 0; }

 private:
  unsigned calls_ = 0;
};

class SendsTwice : public SlaveHost {
  using SlaveHost::SlaveHost;
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    SlaveHost::transmit(shot, source, answer);
    if (now_()) SlaveHost::transmit(shot, source, answer);
  }
  Rarely now_;
};

class SendsToTheNeighbour : public SlaveHost {
  using SlaveHost::SlaveHost;
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    slave::Shot other = shot;
    if (now_()) other.client.ip.octets[other.client.ip.size() - 1] ^= 1;
    SlaveHost::transmit(other, source, answer);
  }
  Rarely now_;
};

class SendsFromItself : public SlaveHost {
  using SlaveHost::SlaveHost;
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    Endpoint wrong = source;
    if (now_()) wrong.port = 54;
    SlaveHost::transmit(shot, wrong, answer);
  }
  Rarely now_;
};

/// An order in fifty is forgotten.
class LosesOrders : public SlaveHost {
  using SlaveHost::SlaveHost;
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    if (!now_()) SlaveHost::transmit(shot, source, answer);
  }
  Rarely now_;
};

/// A clock tracker that takes chronyd's estimate for the truth: root delay and root dispersion are no part of
/// its bound.
class BelievesItsClock : public SlaveHost {
  using SlaveHost::SlaveHost;
  [[nodiscard]] std::vector<std::uint8_t> ask_chronyd(Bytes request) const override {
    std::vector<std::uint8_t> reply = SlaveHost::ask_chronyd(request);
    constexpr std::size_t kRootDelay = 92, kLastInterval = 100;  // in a tracking reply
    if (reply.size() > kLastInterval) std::fill(reply.begin() + kRootDelay, reply.begin() + kLastInterval, 0);
    return reply;
  }
};

/// A transmit thread whose timer is libevent's.
class SendsLate : public SlaveHost {
  using SlaveHost::SlaveHost;
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    if (!now_()) return SlaveHost::transmit(shot, source, answer);
    after(std::chrono::milliseconds(12),
          [this, shot, source, bytes = std::vector(answer.begin(), answer.end())] {
            SlaveHost::transmit(shot, source, bytes);
          });
  }
  Rarely now_;
};

/// An order desk without a replay window.
class FiresReplays : public SlaveHost {
  using SlaveHost::SlaveHost;
  struct Sent {
    slave::Shot shot;
    Endpoint source;
    std::vector<std::uint8_t> answer;
  };
  void stream_open(StreamId id, const std::string& peer, const net::SealKey& key) override {
    keys_.insert(key);
    SlaveHost::stream_open(id, peer, key);
  }
  void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) override {
    sent_[shot.race] = {shot, source, {answer.begin(), answer.end()}};
    SlaveHost::transmit(shot, source, answer);
  }
  std::span<const std::uint32_t> take_orders(slave::OrderDesk& desk, MutableBytes datagram, MonoTime received,
                                             const slave::OrderDesk::Now& now) override {
    for (const net::SealKey& key : keys_) {
      std::vector<std::uint8_t> copy(datagram.begin(), datagram.end());
      const auto opened = net::Opener(key).open(copy);
      if (opened.verdict != net::Opener::Verdict::ok) continue;
      wire::OrderReader reader(opened.plaintext);
      for (wire::Order order; reader.next(order);)
        if (const auto before = sent_.find(order.race); before != sent_.end())
          SlaveHost::transmit(before->second.shot, before->second.source, before->second.answer);
    }
    return SlaveHost::take_orders(desk, datagram, received, now);
  }
  std::set<net::SealKey> keys_;
  std::map<std::uint64_t, Sent> sent_;
};

/// Takes whoever looks a beacon up for the client that was led to it.
class TakesSensorsForClients : public SlaveHost {
  using SlaveHost::SlaveHost;
  void won(const slave::BeaconWin& win) override {
    slave::BeaconWin changed = win;
    changed.win.same_address = true;
    SlaveHost::won(changed);
  }
};

/// Loses an answer of its own now and then.
class ForgetsQueries : public MasterHost {
  using MasterHost::MasterHost;
  void send_answer(std::size_t length, const Endpoint& to) override {
    if (!now_()) MasterHost::send_answer(length, to);
  }
  Rarely now_;
};

class GuardGivesTenfold : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] master::RequestOptions request_options() const override {
    auto out = MasterHost::request_options();
    out.race.guard.prefix.rate *= 10;
    out.race.guard.prefix.burst *= 10;
    return out;
  }
};

class RacesRetries : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] master::RequestOptions request_options() const override {
    auto out = MasterHost::request_options();
    out.race.retry_window = Nanos(1);
    return out;
  }
};

/// Hears that slaves refuse orders, and does not mind.
class ForgetsRefusals : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] master::Snapshot published(master::Snapshot made) const override {
    for (master::RacedService& service : made.services) service.retry_window = Nanos(0);
    return made;
  }
};

/// Takes the address that an error quotes for the neighbour's: who has lost seems to have won.
class MisreadsErrors : public MasterHost {
  using MasterHost::MasterHost;
  void log(const master::RaceRecord& record) noexcept override {
    master::RaceRecord changed = record;
    if (auto* const unwanted = std::get_if<master::AnswerUnwanted>(&changed))
      for (IpAddress& ip : unwanted->answers) {
        std::uint8_t& last = ip.octets.at(ip.size() - 1);  // slaves have 1, 2, 3 and so on
        last = static_cast<std::uint8_t>(((last - 1U) ^ 1U) + 1U);
      }
    MasterHost::log(changed);
  }
};

/// Writes once in half a minute.
class WritesRarely : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] Control::Options control_options() const override {
    auto out = MasterHost::control_options();
    out.store.flush = std::chrono::seconds(30);
    return out;
  }
};

/// Asks once in half a minute what other masters have changed.
class LooksRarely : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] Control::Options control_options() const override {
    auto out = MasterHost::control_options();
    out.shared.poll = std::chrono::seconds(30);
    return out;
  }
};

class BookGrowsTenfold : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] Control::Options control_options() const override {
    auto out = MasterHost::control_options();
    out.config.director.clusters *= 10;
    return out;
  }
};

/// Takes every server for fit.
class AnswersWithAnybody : public MasterHost {
  using MasterHost::MasterHost;
  [[nodiscard]] master::Snapshot published(master::Snapshot made) const override {
    for (master::RacedService& service : made.services) {
      if (!service.view) continue;
      auto view = std::make_shared<director::View>(*service.view);
      view->fit = ~director::ServerMask{0} >> (director::kMostServers - service.slaves.size());
      service.view = std::move(view);
    }
    return made;
  }
};

}  // namespace mutants
