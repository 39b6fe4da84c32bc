// All backends of services of datagrams: between the desk, which says what to ask them, and the transmit
// thread, which gets their answers. Loop thread only; decides nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "slave/order_desk.hh"
#include "slave/transmitter.hh"
#include "slave/udp_backend.hh"

namespace flagfall::slave {

class UdpBackends {
 public:
  /// `changed`: one of them answers again, or does not any more; the desk knows. References outlive it.
  UdpBackends(const std::vector<BackendConfig>& backends, net::Loop& loop, const Clock& clock,
              OrderDesk& desk, ShotPool& pool, Transmitter& transmitter,
              const std::function<void()>& changed);

  void ask(const UdpAsk& ask);

  [[nodiscard]] const std::vector<std::unique_ptr<UdpBackend>>& all() const { return all_; }
  /// Sums over all: f(name, value).
  void for_each_counter(const std::function<void(std::string, std::uint64_t)>& f) const;

 private:
  void answered(std::uint32_t shot, Bytes answer, std::size_t length);

  const Clock& clock_;                 // NOLINT(*-ref-data-members)
  OrderDesk& desk_;                    // NOLINT(*-ref-data-members)
  ShotPool& pool_;                     // NOLINT(*-ref-data-members)
  Transmitter& transmitter_;           // NOLINT(*-ref-data-members)
  std::vector<std::uint16_t> limits_;  // by shot: octets of its answer at most
  PortRest ports_;                     // of all: two may ask one server
  std::vector<std::unique_ptr<UdpBackend>> all_;
};

/// The services that have one, in the order of UdpAsk::backend.
std::vector<std::string> udp_services(const std::vector<BackendConfig>& backends);

}  // namespace flagfall::slave
