// Redirects of web clients as Prometheus' families (docs/metrics.md). Control thread only.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/metrics/families.hh"
#include "master/config.hh"
#include "master/http_loop.hh"

namespace flagfall::master {

/// "http" of GET /status.
nlohmann::json http_json(const HttpLoop& http);
void add_http(metrics::Families& out, const HttpLoop& http, const Config& config);

}  // namespace flagfall::master
