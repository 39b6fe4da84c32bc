#include "slave/master_link.hh"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "common/base/log.hh"
#include "common/net/session_stream.hh"
#include "common/net/tls.hh"
#include "slave/link_core.hh"

namespace flagfall::slave {
namespace {

Result<net::TlsContext> read_context(const net::TlsFiles& files, RealTime now) {
  auto context = net::TlsContext::load(net::TlsRole::client, files, now);
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

void write_line(const LinkCore::Log& line) {
  switch (line.level) {
    case LinkCore::Log::Level::debug:
      return log::debug("{}", line.text);
    case LinkCore::Log::Level::info:
      return log::info("{}", line.text);
    case LinkCore::Log::Level::warn:
      return log::warn("{}", line.text);
  }
}

}  // namespace

struct MasterLink::Shell final : net::SessionStream::Handler {
  net::Loop& loop;
  const Clock& clock;
  Endpoint master;
  LinkCallbacks callbacks;
  net::TlsFiles files;
  net::TlsContext context;
  LinkCore core;
  std::unique_ptr<net::SessionStream> stream;
  net::Watch timer;
  MonoTime armed = MonoTime::max();

  Shell(net::Loop& the_loop, const Clock& the_clock, Random& random, LinkOptions options,
        LinkCallbacks the_callbacks)
      : loop(the_loop),
        clock(the_clock),
        master(options.master),
        callbacks(std::move(the_callbacks)),
        files{options.ca_file, options.certificate_file, options.key_file},
        context(load_context(files, clock.real())),
        core({.master = options.master,
              .master_name = std::move(options.master_name),
              .order_port = options.order_port,
              .instance = options.instance,
              .front = options.front,
              .backoff_least = options.backoff_least,
              .backoff_most = options.backoff_most},
             random) {
    arm();
  }

  [[nodiscard]] wire::HostTime now() const {
    const auto [status, bound] = callbacks.clock();
    return {clock.mono(), callbacks.reference_now(), status, bound};
  }

  void on_secure() override { apply(core.secured(stream->names(), now())); }
  void on_message(wire::Message&& message) override { apply(core.message(std::move(message), now())); }
  void on_closed(wire::CloseCause cause, const std::string& why) override {
    apply(core.closed(cause, why, now()));
  }

  void apply(LinkCore::Actions actions) {
    // `actions` grows while it is worked off: a Send that does not fit ends the session.
    for (std::size_t i = 0; i < actions.size(); ++i) {
      LinkCore::Action action = std::move(actions[i]);
      if (std::holds_alternative<LinkCore::Dial>(action)) {
        stream = std::make_unique<net::SessionStream>(loop, context, master, *this);
      } else if (std::holds_alternative<LinkCore::Close>(action)) {
        stream->close();  // the object stays until the next dial: it may be on the stack
      } else if (auto* out = std::get_if<LinkCore::Send>(&action)) {
        post(actions, out->message);
      } else if (auto* registered = std::get_if<LinkCore::Registered>(&action)) {
        callbacks.registered(registered->welcome, stream->order_key());
      } else if (auto* serve = std::get_if<LinkCore::Serve>(&action)) {
        post(actions, callbacks.services(serve->services));
      } else if (auto* master_clock = std::get_if<LinkCore::MasterClock>(&action)) {
        callbacks.master_clock(master_clock->heartbeat, master_clock->echoed);
      } else if (auto* ping = std::get_if<LinkCore::Ping>(&action)) {
        if (callbacks.ping) callbacks.ping(ping->order);
      } else if (auto* home = std::get_if<LinkCore::Home>(&action)) {
        if (callbacks.home) callbacks.home(home->answer);
      } else if (auto* lost = std::get_if<LinkCore::Lost>(&action)) {
        callbacks.lost(lost->reason);
      } else if (auto* line = std::get_if<LinkCore::Log>(&action)) {
        write_line(*line);
      }
    }
    arm();
  }

  void post(LinkCore::Actions& actions, const wire::Message& message) {
    if (stream->send(message)) return;
    auto more = core.overflowed(now());
    actions.insert(actions.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  void arm() {
    const MonoTime wanted = core.next_deadline();
    if (wanted >= armed) return;  // the timer that runs comes early enough, and arms the next
    armed = wanted;
    const MonoTime from = clock.mono();
    timer = loop.after(wanted > from ? wanted - from : Nanos(0), [this] {
      armed = MonoTime::max();
      apply(core.tick(now()));
    });
  }
};

MasterLink::MasterLink(net::Loop& loop, const Clock& clock, Random& random, LinkOptions options,
                       LinkCallbacks callbacks)
    : shell_(std::make_unique<Shell>(loop, clock, random, std::move(options), std::move(callbacks))) {}
MasterLink::~MasterLink() = default;

bool MasterLink::send(const wire::Report& report) {
  return registered() && shell_->stream->send(report);
}
bool MasterLink::send(const wire::Evidence& evidence) {
  return registered() && shell_->stream->send(evidence);
}
bool MasterLink::send(const wire::HomeQuestion& question) {
  return registered() && shell_->stream->send(question);
}
bool MasterLink::send(const wire::Ready& ready) {
  return registered() && shell_->stream->send(ready);
}
std::pair<RealTime, RealTime> MasterLink::certificates_expire() const {
  return {shell_->context.expires(), shell_->context.ca_expires()};
}
Status MasterLink::reload_certificates() {
  auto fresh = read_context(shell_->files, shell_->clock.real());
  if (!fresh) return Error{fresh.error()};
  shell_->context = std::move(*fresh);
  return Ok{};
}

bool MasterLink::registered() const {
  return shell_->core.registered();
}

}  // namespace flagfall::slave
