#include "master/slave_hub.hh"

#include <fmt/core.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "common/base/log.hh"
#include "common/net/acceptor.hh"
#include "common/net/session_stream.hh"
#include "common/net/tcp.hh"
#include "common/net/tls.hh"
#include "common/net/udp.hh"
#include "master/hub_core.hh"

namespace flagfall::master {
namespace {

Result<net::TlsContext> read_context(const net::TlsFiles& files, RealTime now) {
  auto context = net::TlsContext::load(net::TlsRole::server, files, now);
  if (!context) return context;
  if (const auto warning = net::expiry_warning(files.certificate, context->expires(), now); !warning.empty())
    log::warn("{}", warning);
  return context;
}

net::TlsContext load_context(const net::TlsFiles& files, RealTime now) {
  auto context = read_context(files, now);
  if (!context) throw std::runtime_error(context.error());
  return std::move(*context);
}

/// A slave's services must fit the protocol; better said at start than never sent.
void check_services(const std::map<std::string, wire::Services>& slaves) {
  for (const auto& [name, services] : slaves)
    if (wire::encode(services).empty())
      throw std::runtime_error(fmt::format(
          "slave {}: its services do not fit into one message: 64 KiB, {} services, {} addresses and {} "
          "answers each, printable ASCII names",
          name, wire::kMaxServices, wire::kMaxAddresses, wire::kMaxAnswers));
}

}  // namespace

struct SlaveHub::Shell {
  /// One connection: hands its events to the core under its id.
  struct Connection final : net::SessionStream::Handler {
    Connection(Shell& owner, HubCore::Id number, net::Fd fd)
        : shell(owner), id(number), stream(owner.loop, owner.context, std::move(fd), *this) {}
    void on_secure() override {
      const auto names = stream.names();
      for (const std::string& name : names)
        if (shell.core.slaves().contains(name)) shell.expiries[name] = stream.peer_expires();
      shell.apply(shell.core.secured(id, names, stream.order_key()));
    }
    void on_message(wire::Message&& message) override {
      shell.apply(shell.core.message(id, std::move(message), shell.now()));
    }
    void on_closed(wire::CloseCause cause, const std::string& why) override {
      auto actions = shell.core.closed(id, cause, why, shell.now());
      shell.forget(id);
      shell.apply(std::move(actions));  // `this` lives on in the graveyard
    }
    Shell& shell;
    HubCore::Id id;
    net::SessionStream stream;
  };
  using Connections = std::map<HubCore::Id, std::unique_ptr<Connection>>;

  net::Loop& loop;
  const Clock& clock;
  HubCallbacks callbacks;
  net::TlsFiles files;
  net::TlsContext context;
  SystemRandom random;
  HubCore core;
  std::vector<net::Fd> listening;
  HubCore::Id next_id = 1;
  Connections connections;
  std::map<std::string, RealTime> expiries;            // of slaves' certificates, as last shown
  std::vector<std::unique_ptr<Connection>> graveyard;  // closed; some may still be on the stack
  std::vector<net::Watch> acceptors;
  net::Watch pause;  // out of descriptors: accepting waits
  net::Watch timer;
  MonoTime armed = MonoTime::max();

  Shell(net::Loop& the_loop, const Clock& the_clock, HubOptions options, HubCallbacks the_callbacks)
      : loop(the_loop),
        clock(the_clock),
        callbacks(std::move(the_callbacks)),
        files{options.ca_file, options.certificate_file, options.key_file},
        context(load_context(files, clock.real())),
        core({.heartbeat = options.heartbeat,
              .slaves = std::move(options.slaves),
              .time_servers = std::move(options.time_servers)},
             random) {
    for (const Endpoint& at : options.listen) listening.push_back(net::tcp_listener(at, false));
    start_accepting();
  }

  [[nodiscard]] wire::HostTime now() const {
    const auto [status, bound] = callbacks.clock();
    return {clock.mono(), callbacks.reference_now(), status, bound};
  }

  void start_accepting() {
    for (const net::Fd& fd : listening)
      acceptors.push_back(loop.on_readable(fd.get(), [this, &fd] { accept(fd); }));
  }

  void accept(const net::Fd& from) {
    // A few a turn, so that a flood of connections leaves time for the sessions.
    for (int i = 0; i < 16; ++i) {
      int error = 0;
      auto [fd, peer] = net::tcp_accept(from, error);
      if (error != 0) return out_of_descriptors(error);
      if (!fd) return;
      const HubCore::Id id = next_id++;
      connections.emplace(id, std::make_unique<Connection>(*this, id, std::move(fd)));
      apply(core.connected(id, peer, now()));
    }
  }

  /// accept(2) fails and the queue stays readable: without a pause the loop would spin.
  void out_of_descriptors(int error) {
    log::warn("control connections wait: {} (raise LimitNOFILE)", std::generic_category().message(error));
    acceptors.clear();
    pause = loop.after(std::chrono::seconds(1), [this] { start_accepting(); });
  }

  void apply(HubCore::Actions actions) {
    bool changed = false;
    // `actions` grows while it is worked off: a Send that does not fit ends its connection.
    for (std::size_t i = 0; i < actions.size(); ++i) {
      HubCore::Action action = std::move(actions[i]);
      if (const auto* out = std::get_if<HubCore::Send>(&action)) {
        post(actions, out->id, out->message);
      } else if (const auto* asked = std::get_if<HubCore::Asked>(&action)) {
        post(actions, asked->id,
             callbacks.home ? callbacks.home(*asked->slave, asked->question)
                            : wire::HomeAnswer{.number = asked->question.number, .location = {}});
      } else if (const auto* finish = std::get_if<HubCore::Finish>(&action)) {
        if (const auto found = connections.find(finish->id); found != connections.end())
          found->second->stream.finish();
      } else if (const auto* close = std::get_if<HubCore::Close>(&action)) {
        forget(close->id);
      } else if (const auto* line = std::get_if<HubCore::Log>(&action)) {
        line->level == HubCore::Log::Level::info ? log::info("{}", line->text) : log::warn("{}", line->text);
      } else if (const auto* reported = std::get_if<HubCore::Reported>(&action)) {
        callbacks.report(*reported->slave, reported->report);
      } else if (const auto* gathered = std::get_if<HubCore::Gathered>(&action)) {
        if (callbacks.evidence) callbacks.evidence(*gathered->slave, gathered->evidence);
      } else {
        changed = true;
      }
    }
    if (changed) callbacks.changed();
    arm();
  }

  void post(HubCore::Actions& actions, HubCore::Id id, const wire::Message& message) {
    const auto found = connections.find(id);
    if (found == connections.end() || found->second->stream.send(message)) return;
    auto more = core.overflowed(id);
    actions.insert(actions.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  /// Out of the map at once; the object goes at the next turn of the timer.
  void forget(HubCore::Id id) {
    const auto found = connections.find(id);
    if (found == connections.end()) return;
    found->second->stream.close();
    graveyard.push_back(std::move(found->second));
    connections.erase(found);
  }

  void arm() {
    const MonoTime wanted = graveyard.empty() ? core.next_deadline() : clock.mono();
    if (wanted >= armed) return;  // the timer that runs comes early enough, and arms the next
    armed = wanted;
    timer = loop.after(std::max(wanted - clock.mono(), Nanos(0)), [this] {
      armed = MonoTime::max();
      graveyard.clear();
      apply(core.tick(now()));
    });
  }
};

SlaveHub::SlaveHub(net::Loop& loop, const Clock& clock, HubOptions options, HubCallbacks callbacks) {
  check_services(options.slaves);
  shell_ = std::make_unique<Shell>(loop, clock, std::move(options), std::move(callbacks));
}
SlaveHub::~SlaveHub() = default;

void SlaveHub::update(std::map<std::string, wire::Services> slaves) {
  check_services(slaves);
  shell_->apply(shell_->core.update(std::move(slaves), shell_->now()));
}

std::size_t SlaveHub::order_pings(const std::string& slave, std::span<const IpAddress> addresses,
                                  Nanos within) {
  std::size_t taken = 0;
  shell_->apply(shell_->core.order_pings(slave, addresses, within, shell_->now(), taken));
  return taken;
}

Status SlaveHub::reload_certificates() {
  auto fresh = read_context(shell_->files, shell_->clock.real());
  if (!fresh) return Error{fresh.error()};
  shell_->context = std::move(*fresh);
  return Ok{};
}

std::vector<const SlaveState*> SlaveHub::slaves() const {
  std::vector<const SlaveState*> all;
  for (const auto& [name, slave] : shell_->core.slaves()) all.push_back(&slave);
  return all;
}

RealTime SlaveHub::certificate_expires() const {
  return shell_->context.expires();
}
RealTime SlaveHub::ca_expires() const {
  return shell_->context.ca_expires();
}
RealTime SlaveHub::slave_certificate_expires(const std::string& slave) const {
  const auto at = shell_->expiries.find(slave);
  return at == shell_->expiries.end() ? RealTime() : at->second;
}

std::vector<std::pair<std::string, std::uint64_t>> SlaveHub::counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  shell_->core.counters().for_each(
      [&](const char* name, std::uint64_t value) { all.emplace_back(name, value); });
  return all;
}

std::vector<Endpoint> SlaveHub::local() const {
  std::vector<Endpoint> all;
  for (const net::Fd& fd : shell_->listening) all.push_back(net::local_endpoint(fd));
  return all;
}

}  // namespace flagfall::master
