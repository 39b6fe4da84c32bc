#include "master/director_census.hh"

#include <numeric>

namespace flagfall::master {

std::uint64_t DirectorCensus::Service::of(director::ServerIndex server) const {
  return std::accumulate(bound.at(server).begin(), bound.at(server).end(), std::uint64_t{0});
}

const std::vector<DirectorCensus::Service>& DirectorCensus::look(MonoTime now) {
  if (ever_ && now - counted_ < kAgain) return services_;
  ever_ = true;
  counted_ = now;
  services_.assign(desk_.config().services.size(), {});
  for (std::size_t s = 0; s < services_.size(); ++s) {
    const director::ServiceDirector* const director = desk_.of(s);
    if (director == nullptr) continue;
    Service& out = services_[s];
    out.bound.resize(director->servers());
    director->book().for_each([&](const director::Binding& b) {
      if (b.order.empty()) {
        ++out.learning;
      } else {
        ++out.bound.at(b.order.best()).at(static_cast<std::size_t>(b.reason.cause));
      }
    });
  }
  return services_;
}

}  // namespace flagfall::master
