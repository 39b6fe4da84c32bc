// A front desk at fra's site whose master holds service "web" (www.example.test, and fra's own place), for
// tests of what becomes of its clients.
#pragma once

#include <string>
#include <vector>

#include "common/http/request_reader.hh"
#include "slave/front_desk.hh"

namespace flagfall::test {

inline const std::string kToNyc = "{scheme}://nyc.example.test{path}";

struct FrontScene {
  using Home = wire::HomeAnswer::Home;
  using Do = slave::FrontDesk::Do;

  SeededRandom random{5};
  http::RequestLimits limits{.header = 1024, .target = 256, .body = 1 << 20};
  slave::FrontDesk::Options options{.target = 256};
  slave::FrontDesk desk;
  MonoTime now{std::chrono::seconds(1000)};
  IpAddress client = *parse_ip("198.51.100.7");
  std::vector<std::uint8_t> room;
  std::string said;                                      // the latest answer
  std::optional<slave::FrontDesk::Question> question{};  // the latest look's

  explicit FrontScene(double questions = 200)
      : options{.questions = questions, .target = 256}, desk(options, random), room(desk.most()) {
    use();
    desk.session(0, true);
  }
  void use() {
    wire::Services services;
    wire::Service& web = services.services.emplace_back();
    web.name = "web";
    web.sites = {{"www.example.test", "", 0, ""}, {"fra.example.test", "/m", 2, "www.example.test"}};
    desk.use(std::make_shared<const slave::FrontSites>(std::vector<wire::Services>{services}));
  }
  slave::FrontDesk::Look look(std::string_view octets, bool waited = false) {
    http::RequestReader reader(limits);
    const auto progress = reader.read(octets);
    ByteWriter out(room);
    said.clear();
    question.reset();
    if (!progress.request) {
      if (progress.refuse == 0) return {Do::wait};
      desk.refuse(progress.refuse, out);
      said = as_text(out.written());
      return {Do::answer};
    }
    const auto look = desk.look(*progress.request, client, now, waited, out);
    said = as_text(out.written());
    question = desk.take_question();
    return look;
  }
  slave::FrontDesk::Look get(const std::string& host, const std::string& path = "/", bool waited = false) {
    return look("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", waited);
  }
  bool answer(std::uint32_t number, Home home, unsigned length = 24, std::string location = kToNyc,
              Nanos keep = std::chrono::seconds(60), std::size_t master = 0) {
    if (home != Home::elsewhere) location.clear();
    return desk.answered(master, {number, home, static_cast<std::uint8_t>(length), keep, std::move(location)},
                         now);
  }
  /// From here on this client's network belongs there.
  void learn(Home home, unsigned length = 24, const std::string& location = kToNyc) {
    const auto asked = get("www.example.test", "/learning");
    if (asked.what == Do::wait) (void)answer(asked.number, home, length, location);
  }
  /// The Location of the latest answer; empty: none.
  [[nodiscard]] std::string location() const {
    const std::size_t at = said.find("Location: ");
    return at == std::string::npos ? "" : said.substr(at + 10, said.find('\r', at) - at - 10);
  }
};

}  // namespace flagfall::test
