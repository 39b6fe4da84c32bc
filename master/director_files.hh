// The files that policies "static" and "geo" look into, read: at a start and at each reload. Any thread.
#pragma once

#include <optional>
#include <vector>

#include "director/prefix_order.hh"
#include "master/config.hh"

namespace flagfall::master {

struct DirectorFiles {
  struct Service {
    std::optional<director::PrefixOrders> fixed;
    std::optional<director::PrefixOrders> geo;
  };
  std::vector<Service> services;  // as configured
};

Result<DirectorFiles> read_director_files(const Config& config);

}  // namespace flagfall::master
