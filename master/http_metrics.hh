// Redirects of web clients as Prometheus' families (docs/metrics.md). Control thread only.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/metrics/families.hh"
#include "master/config.hh"
#include "master/http_loop.hh"

namespace flagfall::master {

/// "http", "https" or "rtsp" of GET /status.
nlohmann::json http_json(const HttpLoop& http);
/// Of all front ends.
void add_http(metrics::Families& out, const std::vector<std::unique_ptr<HttpLoop>>& web,
              const Config& config);

}  // namespace flagfall::master
