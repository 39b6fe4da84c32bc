// `flagfall bindings`, `explain`, `bind`, `unbind`, `drain`, `undrain`: what a master's director knows, and
// an operator's word to it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "tools/admin_client.hh"
#include "tools/bindings_import.hh"
#include "tools/bindings_text.hh"
#include "tools/commands.hh"
#include "tools/rows_source.hh"

namespace flagfall::tools {
namespace {

using Json = nlohmann::json;

/// Of one request; and rows of a table, which must be in memory for its columns.
constexpr std::size_t kPiece = 10'000;
/// A million bindings are a hundred pieces; a master that never ends is not waited for.
constexpr int kMostPieces = 10'000;

struct Options {
  std::string socket = kDefaultSocket;
  std::string service, server, prefix, cause, address;
  std::string export_file, import_file;
  std::size_t rows = 1000;
  bool json = false;
  bool csv = false;
};

int fail(const std::string& command, const std::string& text) {
  std::cerr << "flagfall " << command << ": " << text << '\n';
  return 1;
}
int wrong(const std::string& command, const std::string& text) {
  std::cerr << "flagfall " << command << ": " << text << '\n';
  return 2;
}

double seconds_now() {
  return static_cast<double>(to_ns(SystemClock().real())) * 1e-9;
}

std::string bindings_path(const Options& o, const std::string& after, std::size_t limit) {
  std::string path = fmt::format("/bindings?limit={}", limit);
  std::string cause = o.cause;
  std::ranges::replace(cause, '-', ' ');
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) path += fmt::format("&{}={}", name, url_encoded(value));
  };
  add("service", o.service);
  add("server", o.server);
  add("prefix", o.prefix);
  add("cause", cause);
  add("after", after);
  return path;
}

/// Piece by piece; `take` says whether it wants more.
Status for_each_piece(const Options& o, std::size_t limit,
                      const std::function<bool(const BindingsPiece&)>& take) {
  std::string after;
  for (int i = 0; i < kMostPieces; ++i) {
    const auto body = ask(o.socket, "GET", bindings_path(o, after, limit), std::chrono::seconds(30));
    if (!body) return Error{body.error()};
    const auto piece = parse_bindings(*body);
    if (!piece) return Error{piece.error()};
    if (!take(*piece) || piece->more.empty()) return Ok{};
    if (piece->more == after) break;
    after = piece->more;
  }
  return Error{"the master's bindings do not end"};
}

Status print_table(const Options& o) {
  std::vector<Json> rows;
  bool more = false;
  Status done = for_each_piece(o, std::min(o.rows, kPiece), [&](const BindingsPiece& piece) {
    for (const Json& one : piece.bindings) {
      more = rows.size() == o.rows;
      if (more) return false;
      rows.push_back(one);
    }
    more = rows.size() == o.rows && !piece.more.empty();
    return !more;
  });
  if (!done) return done;
  std::cout << bindings_text(rows, seconds_now());
  if (more) std::cout << "and more: see --rows, --csv, --export\n";
  return Ok{};
}

Status print_all(const Options& o) {
  if (o.csv) std::cout << bindings_csv_header();
  if (o.json) std::cout << "{\"bindings\":[";
  bool first = true;
  Status done = for_each_piece(o, kPiece, [&](const BindingsPiece& piece) {
    for (const Json& one : piece.bindings) {
      if (o.csv) std::cout << bindings_csv_line(one);
      if (o.json)
        std::cout << (first ? "\n" : ",\n") << one.dump(-1, ' ', false, Json::error_handler_t::replace);
      first = false;
    }
    return std::cout.good();
  });
  if (o.json) std::cout << "\n]}\n";
  return done;
}

Status write_file(const Options& o) {
  std::ofstream file(o.export_file, std::ios::binary | std::ios::trunc);
  const auto trouble = [&] {
    return Error{
        fmt::format("{}: {}", o.export_file, std::generic_category().message(errno == 0 ? EIO : errno))};
  };
  if (!file) return trouble();
  std::uint64_t written = 0;
  Status done = for_each_piece(o, kPiece, [&](const BindingsPiece& piece) {
    for (const Json& one : piece.bindings)
      file << one.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    written += piece.bindings.size();
    return file.good();
  });
  file.close();
  if (!done) return done;
  if (!file) return trouble();
  std::cout << fmt::format("{} bindings are in {}\n", written, o.export_file);
  return Ok{};
}

AdminTarget target_of(const std::string& socket) {
  AdminTarget out;
  out.socket = socket;
  return out;
}

Status read_file(const Options& o) {
  errno = 0;
  std::ifstream file(o.import_file, std::ios::binary);
  if (!file) return Error{fmt::format("{}: {}", o.import_file, std::generic_category().message(errno))};
  const auto taken = import_bindings(file, [&](const std::string& body) -> Status {
    const auto answer = ask(target_of(o.socket), "POST", "/bindings", body, std::chrono::seconds(30));
    if (!answer) return Error{answer.error()};
    return Ok{};
  });
  if (!taken) return Error{fmt::format("{}: {}", o.import_file, taken.error())};
  std::cout << fmt::format("{} bindings are taken from {}\n", *taken, o.import_file);
  return Ok{};
}

int run_bindings(const Options& o) {
  if (!o.prefix.empty())
    if (const auto prefix = parse_prefix(o.prefix); !prefix) return wrong("bindings", prefix.error());
  const Status done = !o.import_file.empty()   ? read_file(o)
                      : !o.export_file.empty() ? write_file(o)
                      : o.json || o.csv        ? print_all(o)
                                               : print_table(o);
  return done ? 0 : fail("bindings", done.error());
}

int run_explain(const Options& o) {
  const bool prefix = o.address.find('/') != std::string::npos;
  if (prefix) {
    if (const auto good = parse_prefix(o.address); !good) return wrong("explain", good.error());
  } else if (const auto good = parse_ip(o.address); !good) {
    return wrong("explain", good.error());
  }
  std::string path = fmt::format("/explain?{}={}", prefix ? "prefix" : "address", url_encoded(o.address));
  if (!o.service.empty()) path += "&service=" + url_encoded(o.service);
  const auto body = ask(o.socket, "GET", path);
  if (!body) return fail("explain", body.error());
  if (o.json) {
    std::cout << *body << (body->ends_with('\n') ? "" : "\n");
    return 0;
  }
  const auto text = explain_text(*body);
  if (!text) return fail("explain", text.error());
  std::cout << *text;
  return 0;
}

/// A command that changes something. `done`: what to say then.
int run_post(const Options& o, const std::string& command, const std::string& done) {
  Json body = Json::object();
  if (!o.prefix.empty()) {
    const auto prefix = parse_prefix(o.prefix);
    if (!prefix) return wrong(command, prefix.error());
    body["prefix"] = to_string(*prefix);
  }
  if (!o.server.empty()) body["server"] = o.server;
  if (!o.service.empty()) body["service"] = o.service;
  const auto answer = ask(target_of(o.socket), "POST", "/" + command,
                          body.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!answer) return fail(command, answer.error());
  std::cout << done << '\n';
  return 0;
}

CLI::App* command(CLI::App& app, const std::shared_ptr<Options>& o, const char* name, const char* help) {
  CLI::App* out = app.add_subcommand(name, help);
  out->add_option("--socket", o->socket, "The master's admin socket")
      ->type_name("PATH")
      ->capture_default_str();
  return out;
}

void add_service(CLI::App* to, const std::shared_ptr<Options>& o) {
  to->add_option("--service", o->service, "Of this service; needless where there is one only")
      ->type_name("NAME");
}

void add_bindings(CLI::App& app, int& status) {
  const auto o = std::make_shared<Options>();
  CLI::App* list = command(app, o, "bindings", "List who is bound to which servers, and why");
  list->add_option("--service", o->service, "Only of this service")->type_name("NAME");
  list->add_option("--server", o->server, "Only with this server first")->type_name("NAME");
  list->add_option("--prefix", o->prefix, "Only within this prefix, and what holds it");
  list->add_option("--cause", o->cause, "Only with this cause: bound, by-hand, shed and others")
      ->type_name("CAUSE");
  list->add_option("--rows", o->rows, "Rows of the table at most")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  auto* json = list->add_flag("--json", o->json, "Print JSON");
  auto* csv = list->add_flag("--csv", o->csv, "Print comma-separated values")->excludes(json);
  auto* to = list->add_option("--export", o->export_file, "Write all of them into a file")
                 ->type_name("FILE")
                 ->excludes(json)
                 ->excludes(csv);
  list->add_option("--import", o->import_file, "Give the master what such a file holds")
      ->type_name("FILE")
      ->excludes(json)
      ->excludes(csv)
      ->excludes(to);
  list->callback([o, &status] { status = run_bindings(*o); });
}

void add_explain(CLI::App& app, int& status) {
  const auto o = std::make_shared<Options>();
  CLI::App* explain = command(app, o, "explain", "Say what a client is answered, and why");
  explain->add_option("address", o->address, "The client's address, or its network")->required();
  explain->add_option("service", o->service, "Only this service");
  explain->add_flag("--json", o->json, "The JSON as the master sent it");
  explain->callback([o, &status] { status = run_explain(*o); });
}

}  // namespace

void add_director(CLI::App& app, int& status) {
  add_bindings(app, status);
  add_explain(app, status);
  const auto o = std::make_shared<Options>();
  CLI::App* bind = command(app, o, "bind", "Bind a client network to a server, whatever races say");
  bind->add_option("prefix", o->prefix, "The network")->required();
  bind->add_option("server", o->server, "The server's name")->required();
  add_service(bind, o);
  bind->callback([o, &status] {
    status = run_post(*o, "bind", fmt::format("{} is bound to {}", o->prefix, o->server));
  });
  CLI::App* unbind = command(app, o, "unbind", "Take an operator's bind back");
  unbind->add_option("prefix", o->prefix, "The network")->required();
  add_service(unbind, o);
  unbind->callback(
      [o, &status] { status = run_post(*o, "unbind", o->prefix + " is no longer bound by hand"); });
  CLI::App* drain = command(app, o, "drain", "Answer nobody with this server any more");
  drain->add_option("server", o->server, "The server's name")->required();
  drain->callback([o, &status] { status = run_post(*o, "drain", o->server + " is drained"); });
  CLI::App* undrain = command(app, o, "undrain", "Use a drained server again");
  undrain->add_option("server", o->server, "The server's name")->required();
  undrain->callback([o, &status] { status = run_post(*o, "undrain", o->server + " is used again"); });
}

}  // namespace flagfall::tools
