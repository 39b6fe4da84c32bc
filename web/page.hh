// The built-in page, for who has no Grafana: its files, embedded in the program.
// It is plain HTML, CSS and JavaScript, and shows what GET /status, /races,
// /stats, /tune and /metrics say (docs/admin.md); where a route is missing, it
// says so. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/net/admin.hh"

namespace flagfall::web {

struct File {
  std::string path;  // "/page.css"
  std::string content_type;
  std::string_view body;
};
std::vector<File> files();

/// Registers a GET for each.
void add_page(net::AdminServer& admin);

}  // namespace flagfall::web
