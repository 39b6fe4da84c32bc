#include "slave/order_intake.hh"

#include <algorithm>
#include <system_error>
#include <utility>

#include "common/base/log.hh"

namespace flagfall::slave {
namespace {

/// More than any order datagram: a master's `order_size` is at most 8,900.
constexpr std::size_t kDatagramRoom = 9216;
/// Batches in one wake-up; then other events get their turn.
constexpr unsigned kMostBatches = 4;

}  // namespace

struct OrderIntake::Input {
  net::Fd fd;
  net::UdpReceiver receiver{kDatagramRoom};
  net::Watch watch;
};

OrderIntake::OrderIntake(net::Loop& loop, const Clock& clock, OrderDesk& desk, Transmitter& transmitter,
                         std::function<const clocksync::RefMap&()> map,
                         std::function<void(const IssuedBeacon&)> issued,
                         std::function<void(const UdpAsk&)> ask,
                         std::function<void(const ContentAsk&)> ask_content)
    : loop_(loop),
      clock_(clock),
      desk_(desk),
      transmitter_(transmitter),
      map_(std::move(map)),
      issued_(std::move(issued)),
      ask_(std::move(ask)),
      ask_content_(std::move(ask_content)) {}

OrderIntake::~OrderIntake() = default;

void OrderIntake::listen(std::vector<net::Fd> sockets) {
  for (net::Fd& fd : sockets) {
    Input& input = *inputs_.emplace_back(std::make_unique<Input>());
    input.fd = std::move(fd);
    input.watch = loop_.on_readable(input.fd.get(), [this, &input] { receive(input); });
  }
}

std::uint64_t OrderIntake::receive_errors() const {
  std::uint64_t sum = 0;
  for (const auto& input : inputs_) sum += input->receiver.errors();
  return sum;
}
std::uint64_t OrderIntake::kernel_drops() const {
  std::uint64_t sum = 0;
  for (const auto& input : inputs_) sum += input->receiver.kernel_drops();
  return sum;
}

void OrderIntake::receive(Input& input) {
  take_back();
  for (unsigned i = 0; i < kMostBatches; ++i) {
    const auto batch = input.receiver.receive(input.fd);
    const Nanos real_minus_mono = batch.empty() ? Nanos(0) : read_real_minus_mono(clock_).offset;
    for (const net::Datagram& d : batch) {
      const MonoTime now = clock_.mono();
      const bool stamped = d.stamp != RealTime();
      const MonoTime received =
          stamped ? MonoTime(clock_.stamp(d.stamp).time_since_epoch() - real_minus_mono) : now;
      const auto shots = desk_.datagram(d.data, received, {now, map_()});
      for (const IssuedBeacon& beacon : desk_.issued()) issued_(beacon);
      for (const std::uint32_t shot : shots) transmitter_.push(shot);
      for (const UdpAsk& ask : desk_.udp_asks()) ask_(ask);
      for (const ContentAsk& ask : desk_.content_asks()) ask_content_(ask);
    }
    if (batch.size() < net::UdpReceiver::kBatch) return;
  }
}

void OrderIntake::take_back() {
  while (const auto shot = transmitter_.pop_done()) desk_.finished(*shot);
}

std::vector<net::Fd> open_order_sockets(const std::vector<Endpoint>& listen, std::int64_t receive_buffer) {
  std::vector<net::Fd> out;
  net::UdpOptions options;
  options.receive_stamps = true;
  options.receive_buffer = static_cast<int>(receive_buffer);
  for (const Endpoint& address : listen) {
    try {
      out.push_back(net::udp_socket(address, options));
    } catch (const std::system_error& e) {
      const bool last_chance = out.empty() && &address == &listen.back();
      if (e.code() != std::errc::address_family_not_supported || last_chance) throw;
      log::warn("orders.listen: {} is left out, as this host has no IPv6", to_string(address));
    }
  }
  return out;
}

}  // namespace flagfall::slave
