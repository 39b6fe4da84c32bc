// A desk over a service "web" (fra, nyc, sin; www.example.test) whose book binds 198.51.100.0/24 to nyc, for
// tests of what web clients are answered.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "director/view.hh"
#include "master/config.hh"
#include "master/http_desk.hh"
#include "master/http_stream.hh"

namespace flagfall::test {

struct HttpScene {
  SeededRandom random{3};
  http::RequestLimits limits{.header = 1024, .target = 256, .body = 4096};
  master::Config config;
  director::View view;
  master::Snapshot snapshot;
  master::HttpDesk desk;
  IpAddress client = *parse_ip("198.51.100.7");
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(std::size_t{64} * 1024);

  explicit HttpScene(master::HttpRacer* racer = nullptr, master::WebScheme scheme = master::WebScheme::http)
      : desk({scheme, 1, limits.target, "u.example.test", 7}, random, nullptr, racer) {
    limits.protocol = master::protocol_of(scheme);
    master::ServiceConfig& s = config.services.emplace_back();
    s.name = "web";
    s.http.hosts = {"www.example.test", "*.x.test"};
    s.rtsp = {s.http.hosts, "/"};
    s.ttl_bound = 60;
    s.ttl_fallback = 7;
    for (const char* const name : {"fra", "nyc", "sin"})
      s.slaves.push_back({.name = name,
                          .answers = {*parse_ip("192.0.2.10")},
                          .location = "{scheme}://" + std::string(name) + ".example.test{path}"});
    director::PrefixTableEditor book;
    book.set(*parse_prefix("198.51.100.0/24"), 1);
    view.tables = {book.publish()};
    view.book = 0;
    view.entries = std::make_shared<const std::vector<director::Entry>>(
        std::vector<director::Entry>{{director::Order::of(1), false}});
    view.races = true;
    view.fit = 0b111;
    snapshot.services.emplace_back();
    publish();
  }
  void publish() {
    snapshot.http = std::make_shared<const master::HttpSites>(config, master::WebScheme::http);
    snapshot.rtsp = std::make_shared<const master::HttpSites>(config, master::WebScheme::rtsp);
    snapshot.services[0].view = std::make_shared<const director::View>(view);
    snapshot.services[0].servers = std::make_shared<const master::ServerAnswers>(config.services[0]);
    desk.take_over(std::make_shared<const master::Snapshot>(snapshot));
  }
  /// Everything that one connection is answered to these octets, sent `step` at once.
  std::string said(std::string_view octets, std::size_t step = 1 << 20) {
    master::HttpStream stream(limits, 1000);
    return said(stream, octets, step).first;
  }
  std::pair<std::string, master::HttpStream::Wait> said(master::HttpStream& stream, std::string_view octets,
                                                        std::size_t step = 1 << 20) {
    std::string answers;
    std::string waiting;
    auto wait = master::HttpStream::Wait::request;
    for (std::size_t at = 0; at < octets.size(); at += step) {
      waiting += octets.substr(at, step);
      do {
        ByteWriter out(room);
        const auto got = stream.take(waiting, desk, client, MonoTime(), out);
        waiting.erase(0, got.consumed);
        answers += as_text(out.written());
        wait = got.wait;
      } while (wait == master::HttpStream::Wait::room);
      if (wait == master::HttpStream::Wait::end) break;
    }
    return {answers, wait};
  }
};

}  // namespace flagfall::test
