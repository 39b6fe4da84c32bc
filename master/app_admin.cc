// The master's admin socket: which routes there are, and what they are given. See app.hh.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/log.hh"
#include "master/app.hh"
#include "master/http_metrics.hh"
#include "master/metrics.hh"
#include "master/readiness.hh"
#include "web/page.hh"

namespace flagfall::master {
namespace {

using nlohmann::json;

constexpr auto kReportPath = "/client-report";
constexpr int kTooMany = 429;  // RFC 6585 §4
constexpr int kNotReady = 503;

net::AdminReply reply(int status, const json& body) {
  return {status, body.dump()};
}

/// What an operator's command was, and how it ended: refusals say why in "error".
daemon::AuditEntry audit_entry(RealTime now, const net::AdminRequest& request, const net::AdminReply& reply) {
  daemon::AuditEntry entry;
  entry.at = now;
  entry.command = "POST " + request.path;
  entry.peer = "the admin socket";
  if (const auto& process = request.peer.process) {
    entry.uid = process->uid;
    entry.pid = process->pid;
  } else if (request.peer.address.port != 0) {
    entry.peer = to_string(request.peer.address);
  }
  entry.done = reply.status == 200;
  entry.result = "done";
  if (entry.done) return entry;
  const auto body = json::parse(reply.body, nullptr, false);
  entry.result = body.is_object() && body.contains("error") && body["error"].is_string()
                     ? body["error"].get<std::string>()
                     : fmt::format("HTTP status {}", reply.status);
  return entry;
}

json differences_json(const std::vector<config::Difference>& all) {
  json out = json::array();
  for (const config::Difference& one : all)
    out.push_back({{"key", one.key}, {"before", one.before}, {"after", one.after}});
  return out;
}

net::AdminReply reload_reply(const App::Reloaded& told) {
  if (!told.error.empty()) return reply(409, {{"error", told.error}});
  return reply(200, {{"reloaded", !told.dry_run},
                     {"dry_run", told.dry_run},
                     {"zones", told.zones},
                     {"changed", differences_json(told.changed)},
                     {"needs_restart", differences_json(told.needs_restart)}});
}

}  // namespace

net::AdminOptions admin_options(const AdminConfig& admin) {
  net::AdminOptions out = daemon::admin_options(admin);
  out.files.report_token = admin.report_token_file.text;
  out.report_path = kReportPath;
  return out;
}

void App::open_admin(net::Loop& loop) {
  admin_ = std::make_unique<net::AdminServer>(loop, admin_options(config_.admin));
  audit_commands();
  web::add_page(*admin_);
  open_sources();
  admin_->get("/status", [this] {
    return net::AdminReply{200, with_status([this](const StatusSource& s) {
                             auto status = status_json(s);
                             status["director"] = director_routes_->status();
                             for (const auto& each : loops_.web)
                               status[std::string(name_of(each->scheme()))] = http_json(*each);
                             return status.dump();
                           })};
  });
  admin_->get("/metrics", [this] {
    return net::AdminReply{200, metrics_text(), metrics::Families::kContentType};
  });
  admin_->get("/readyz", [this] {
    const Readiness ready =
        readiness(config_, published_, *director_, *builder_, hub_->slaves(), delegation_.all());
    std::string text;
    for (const std::string& line : ready.lines) text += line + "\n";
    return net::AdminReply{ready.ready ? 200 : kNotReady, text, "text/plain; charset=utf-8"};
  });
  lookup_.emplace(*director_, published_, random_);
  admin_->get("/lookup", [this](const net::AdminRequest& request) { return lookup_->look_up(request); });
  admin_->get("/races", [this] { return net::AdminReply{200, races_->races_json()}; });
  tune_->add_to(*admin_);
  director_routes_.emplace(*director_, *director_keeper_, clock_);
  director_routes_->add_to(*admin_);
  admin_->post(kReportPath, [this](const net::AdminRequest& request) { return client_report(request); });
  const auto pausing = [this](bool paused) {
    return [this, paused] {
      pause(paused);
      return reply(200, {{"paused", paused}});
    };
  };
  admin_->post("/pause-racing", pausing(true));
  admin_->post("/resume-racing", pausing(false));
  admin_->post_slow("/reload",
                    [this](const net::AdminRequest& request, const net::AdminServer::Answer& answer) {
                      reload(request.parameter("dry_run") != nullptr ? Reload::dry_run : Reload::all,
                             [answer](const Reloaded& told) { answer(reload_reply(told)); });
                    });
}

void App::audit_commands() {
  audit_.emplace(config_.admin.audit.text);
  admin_->on_command([this](const net::AdminRequest& request, const net::AdminReply& reply) {
    // What a client saw: no operator's command, it steers nothing, and may come ten times a second.
    if (request.path == kReportPath) return;
    audit_->write(audit_entry(clock_.real(), request, reply));
  });
}

net::AdminReply App::client_report(const net::AdminRequest& request) {
  if (request.peer.reports && !report_limit_.take(request.peer.address.ip, clock_.mono())) {
    ++reports_limited_;
    return net::admin_error(kTooMany, "too many reports; report fewer races a second");
  }
  const auto reports = parse_client_reports(request.body);
  if (!reports) return net::admin_error(400, reports.error());
  std::size_t known = 0;
  for (const ClientReport& report : *reports)
    known += races_->client_report(report, (*question_hash_)(report.name, report.type)) ? 1 : 0;
  return reply(200, {{"races", reports->size()}, {"known", known}});
}

void App::pause(bool paused) {
  if (paused_ != paused) log::warn("racing is {} by an operator", paused ? "paused" : "resumed");
  paused_ = paused;
  publish();
}

void App::open_sources() {
  if (!delegation_.error().empty()) log::warn("{}", delegation_.error());
  admin_->get("/sources", [this] { return net::AdminReply{200, delegation_.json()}; });
  admin_->post("/sources", [this](const net::AdminRequest& request) {
    const auto seen = delegation_.parse(request.body);
    if (!seen) return net::admin_error(400, seen.error());
    delegation_.take(*seen);
    if (const Status kept = delegation_.keep(); !kept) log::warn("{}", kept.error());
    return net::AdminReply{200, delegation_.json()};
  });
}

std::string App::metrics_text() const {
  return with_status([this](const StatusSource& s) {
    metrics::Families out;
    add_metrics(out, {s,
                      {hub_->certificate_expires(), hub_->ca_expires(), admin_->certificate_expires(),
                       web_tls_ ? std::optional(web_tls_->expires()) : std::nullopt},
                      [this](const std::string& slave) { return hub_->slave_certificate_expires(slave); },
                      admin_->counters(),
                      *wins_,
                      {*director_, *director_keeper_, pings_, director_routes_->census()}});
    add_http(out, loops_.web, config_);
    return out.text();
  });
}

std::string App::with_status(const std::function<std::string(const StatusSource&)>& tell) const {
  const auto slaves = hub_->slaves();
  const auto statistics = statistics_->health();
  auto control = hub_->counters();
  control.emplace_back("operator_commands", audit_->counters().commands.get());
  control.emplace_back("audit_lost", audit_->counters().lost.get());
  control.emplace_back("client_reports_limited", reports_limited_);
  return tell({config_, *builder_, *delays_, published_, *source_, slaves, control, stats_, loops_, listen_,
               *races_, clock_.mono(), started_, read_real_minus_mono(clock_).offset, statistics});
}

}  // namespace flagfall::master
