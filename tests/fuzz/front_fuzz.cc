// Any octets as a connection's first request at a site's front end, the first octet saying where the client
// belongs: it is served, or refused, or sent to the configured place and nowhere else, by one whole answer;
// and looking again at the same request says the same or lets it stay.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "tests/unit/slave/front_scene.hh"

namespace {

using flagfall::test::FrontScene;
using Do = flagfall::slave::FrontDesk::Do;
using Home = flagfall::wire::HomeAnswer::Home;

void require(bool good) {
  if (!good) std::abort();
}

void check_answer(const FrontScene& scene) {
  const std::string_view said = scene.said;
  require(said.starts_with("HTTP/1.1 "));
  require(said.find("\r\nConnection: close\r\n\r\n") != std::string_view::npos);
  require(said.find("HTTP/1.1 ", 1) == std::string_view::npos || !scene.location().empty());
  if (!said.starts_with("HTTP/1.1 307 ")) return require(scene.location().empty());
  const std::string location = scene.location();
  require(std::ranges::all_of(location, [](char c) { return c > 0x20 && c < 0x7f; }));
  require(location.starts_with("http://nyc.example.test/") ||
          location.starts_with("http://x.www.example.test/p/"));
  require(said.find("\r\n\r\n") == said.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  FrontScene scene;
  if ((data[0] & 1U) != 0)
    scene.learn((data[0] & 2U) != 0 ? Home::elsewhere : Home::here, data[0] >> 3U,
                (data[0] & 4U) != 0 ? flagfall::test::kToNyc : "http://x.{host}/p{path}");
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto first = scene.look(octets);
  if (first.what == Do::answer) check_answer(scene);
  const bool sent_on = scene.said.starts_with("HTTP/1.1 307 ");
  const auto second = scene.look(octets, true);
  if (second.what == Do::answer) check_answer(scene);
  require(!sent_on || second.what == Do::serve);
  return 0;
}
