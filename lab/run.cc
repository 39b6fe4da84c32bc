#include "lab/run.hh"

#include <fcntl.h>
#include <sched.h>
#include <spdlog/fmt/fmt.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "lab/control.hh"
#include "lab/forwarder.hh"
#include "lab/hosts.hh"
#include "lab/names.hh"
#include "lab/process.hh"
#include "lab/report.hh"
#include "lab/state.hh"

namespace flagfall::lab {

namespace {

void require_powers() {
  if (::geteuid() != 0) throw std::runtime_error("must be run as root: it makes network namespaces");
  const net::Fd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tun)
    throw std::system_error(
        errno, std::generic_category(),
        "cannot open /dev/net/tun; load the kernel's tun module, or allow the container the device");
}

/// SIGINT, SIGTERM and SIGHUP as a descriptor.
net::Fd signal_descriptor() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  net::check(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
  return net::Fd(net::check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

/// The network before its hosts: on a busy machine packets would else wait for the programs that await
/// them. Children do not inherit it. Where it is not allowed the lab is as punctual as the machine is idle.
void come_first() {
  sched_param parameter{};
  parameter.sched_priority = 10;  // above programs that hosts run at real-time priority
  (void)::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter);
}

void say_how_to_use(const Topology& topology) {
  std::string out = fmt::format("lab {} is up\n", topology.lab);
  for (const Host& host : topology.hosts) {
    std::string addresses;
    for (const IpAddress& address : host.addresses) addresses += " " + to_string(address);
    out += fmt::format("  {:<12} ip netns exec {:<24} #{}\n", host.name,
                       namespace_of(topology.lab, host.name), addresses);
  }
  out += fmt::format("run something in a host:  flagfall-lab exec {} HOST -- COMMAND\n", topology.lab);
  out += fmt::format("change a link:            flagfall-lab link {} FROM TO delay=20ms loss=0.02\n",
                     topology.lab);
  out += "stop: Ctrl-C or SIGTERM\n";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

/// The command, and the signals that are meant for it.
class Command {
 public:
  Command(const std::vector<std::string>& argv, Forwarder& forwarder)
      : child_(start(argv)), forwarder_(forwarder) {
    forwarder_.watch(child_.pidfd.get(), [this] {
      status_ = wait_for(child_);
      forwarder_.stop();
    });
  }
  /// A terminal's ^C reaches the command without us.
  void signal(const signalfd_siginfo& info) const {
    if (info.ssi_code != SI_KERNEL) ::kill(child_.pid, static_cast<int>(info.ssi_signo));
  }
  [[nodiscard]] int status() const { return status_; }

 private:
  Child child_;
  Forwarder& forwarder_;
  int status_ = 0;
};

Forwarder::Options forwarder_options(const Topology& topology, const RunOptions& options) {
  Forwarder::Options out;
  if (!options.capture.empty()) out.released.emplace(options.capture, topology.mtu);
  if (!options.capture_sent.empty()) out.entered.emplace(options.capture_sent, topology.mtu);
  return out;
}

}  // namespace

int run(const Topology& topology, const RunOptions& options) {
  require_powers();
  const Result<net::Fd> lock = take_lock(topology.lab);
  if (!lock) throw std::runtime_error(lock.error());
  clean(topology.lab);  // what a lab of this name left when its janitor was killed too
  const net::Fd signals = signal_descriptor();
  const SystemClock clock;
  Forwarder::Options capture = forwarder_options(topology, options);

  const Janitor janitor(topology.lab);
  Forwarder forwarder(topology, make_hosts(topology), std::move(capture), clock);
  const ControlServer control(control_path(topology.lab), topology, forwarder);
  std::optional<Command> command;
  forwarder.watch(signals.get(), [&] {
    signalfd_siginfo info{};
    if (::read(signals.get(), &info, sizeof info) != sizeof info) return;
    if (command)
      command->signal(info);
    else
      forwarder.stop();
  });
  ::setenv("FLAGFALL_LAB", topology.lab.c_str(), 1);
  if (options.command.empty())
    say_how_to_use(topology);
  else
    command.emplace(options.command, forwarder);
  come_first();
  forwarder.run();
  if (options.stats) std::fputs(report_text(forwarder.stats()).c_str(), stderr);
  return command ? command->status() : 0;
}

}  // namespace flagfall::lab
