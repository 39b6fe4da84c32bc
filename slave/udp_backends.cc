#include "slave/udp_backends.hh"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/log.hh"

namespace flagfall::slave {

std::vector<std::string> udp_services(const std::vector<BackendConfig>& backends) {
  std::vector<std::string> out;
  for (const BackendConfig& backend : backends)
    if (backend.udp) out.push_back(backend.service);
  return out;
}

UdpBackends::UdpBackends(const std::vector<BackendConfig>& backends, net::Loop& loop, const Clock& clock,
                         OrderDesk& desk, ShotPool& pool, Transmitter& transmitter,
                         const std::function<void()>& changed)
    : clock_(clock), desk_(desk), pool_(pool), transmitter_(transmitter), limits_(pool.capacity()) {
  for (const BackendConfig& config : backends) {
    if (!config.udp) continue;
    UdpBackend::Callbacks callbacks;
    callbacks.answered = [this](std::uint32_t shot, Bytes answer, std::size_t length) {
      answered(shot, answer, length);
    };
    callbacks.unanswered = [this](std::uint32_t shot) {
      desk_.unanswered(shot, OrderDesk::Unanswered::silent);
    };
    callbacks.changed = [this, i = all_.size(), changed](bool up) {
      desk_.set_backend(i, up);
      changed();
    };
    all_.push_back(std::make_unique<UdpBackend>(config, loop, clock, ports_, std::move(callbacks)));
    desk_.set_backend(all_.size() - 1, all_.back()->up());
    log::info("service {}: asks {}", config.service, to_string(*config.udp));
  }
}

void UdpBackends::ask(const UdpAsk& ask) {
  limits_[ask.shot] = static_cast<std::uint16_t>(ask.limit);
  all_[ask.backend]->ask(ask.shot, ask.request, ask.from);
}

void UdpBackends::answered(std::uint32_t shot, Bytes answer, std::size_t length) {
  if (length > limits_[shot]) return desk_.unanswered(shot, OrderDesk::Unanswered::too_long);
  std::ranges::copy(answer, pool_.answer(shot).begin());
  if (desk_.answered(shot, length, clock_.mono())) transmitter_.push(shot);
}

void UdpBackends::for_each_counter(const std::function<void(std::string, std::uint64_t)>& f) const {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& backend : all_)
    backend->counters().for_each(
        [&](const char* name, const Counter& n) { sums[std::string("backend_") + name] += n.get(); });
  for (const auto& [name, n] : sums) f(name, n);
}

}  // namespace flagfall::slave
