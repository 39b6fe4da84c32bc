// GET /bindings and GET /explain as a person reads them, whatever a master sends; and files of bindings.
#include "tools/bindings_text.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/source_path.hh"
#include "tools/bindings_import.hh"

namespace tools = flagfall::tools;
using flagfall::Error;
using flagfall::Ok;
using flagfall::Status;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The example under a heading of docs/admin.md: what is documented is what is shown.
std::string documented(const std::string& heading) {
  std::ifstream in(flagfall::test::source_path("docs/admin.md"));
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  const std::size_t at = text.find("## `" + heading);
  BOOST_REQUIRE(at != std::string::npos);
  const std::size_t from = text.find("```json\n", at) + 8;
  return text.substr(from, text.find("```", from) - from);
}

constexpr double kNow = 1795255320;

/// What a master that lies may send as a value.
const std::vector<std::string> kLies{"null",
                                     "true",
                                     "-1",
                                     "1e308",
                                     "18446744073709551615",
                                     R"("\u001b[2J")",
                                     "[]",
                                     "{}",
                                     "[[[1]]]",
                                     R"([{"server": []}])",
                                     R"({"a": {}})",
                                     R"([1, null, "x"])"};

}  // namespace

BOOST_AUTO_TEST_SUITE(bindings_text)

BOOST_AUTO_TEST_CASE(the_documented_bindings_are_a_table_with_ages) {
  const auto piece = tools::parse_bindings(documented("GET /bindings"));
  BOOST_REQUIRE_MESSAGE(piece.ok(), (piece ? std::string() : piece.error()));
  BOOST_TEST(piece->more.empty());
  BOOST_TEST(
      tools::bindings_text(piece->bindings, kNow) ==
      "service  prefix           servers   why                                                since  "
      "renewed\n"
      "web      198.51.100.0/24  fra, nyc  bound: 3 of 4 races won, 12.3 ms before the next  1m 59s      "
      "59s\n");
}

BOOST_AUTO_TEST_CASE(servers_that_are_equally_good_are_shown_so) {
  const auto text = tools::bindings_text(
      {nlohmann::json::parse(R"({"servers": ["a", "b", "c"], "group": 2, "cause": "by hand"})")}, kNow);
  BOOST_TEST(has(text, "a = b, c  by hand"));
}

BOOST_AUTO_TEST_CASE(csv_has_a_cell_for_every_column_and_whole_times) {
  const auto piece = tools::parse_bindings(documented("GET /bindings"));
  BOOST_REQUIRE(piece.ok());
  const std::string line = tools::bindings_csv_line(piece->bindings.front());
  BOOST_TEST(
      line ==
      "web,198.51.100.0/24,fra nyc,1,bound,race,3,4,0.0123,\"bound: 3 of 4 races won, 12.3 ms before the "
      "next\",1795255200.250,1795255260.500\r\n");
  const auto commas = [](const std::string& text) { return std::ranges::count(text, ','); };
  BOOST_TEST(commas(tools::bindings_csv_line(nlohmann::json::object())) ==
             commas(tools::bindings_csv_header()));
  BOOST_TEST(has(tools::bindings_csv_line({{"service", "=cmd()"}}), "'=cmd()"));
}

BOOST_AUTO_TEST_CASE(the_documented_explanation_says_whom_and_why) {
  const auto text = tools::explain_text(documented("GET /explain"));
  BOOST_REQUIRE_MESSAGE(text.ok(), (text ? std::string() : text.error()));
  for (const char* part :
       {"address  198.51.100.7\n", "cluster  198.51.100.0/24\n", "action   answer\n", "servers  fra, nyc\n",
        "why      bound: 3 of 4 races won, 12.3 ms before the next\n", "scope    /24\n", "unfit: no session",
        "1250", "ping 12, race 4", "bound to fra", "1m 15s  ping",
        "shed     from fra, which is over its capacity, to nyc\n", "fra-transit", "33.75",
        "certain    nyc\n"})
    BOOST_TEST(has(*text, part), part << " in\n" << *text);
}

BOOST_AUTO_TEST_CASE(a_place_nobody_has_asked_from_is_said_to_be_one) {
  const auto text = tools::explain_text(
      R"({"address": "192.0.2.1", "services": [{"service": "web", "cluster": null, "action": "race"}]})");
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(has(*text, "cluster  none: nobody has asked from there"));
  BOOST_TEST(has(*text, "no candidates"));
}

BOOST_AUTO_TEST_CASE(a_master_that_lies_is_shown_and_obeyed_in_nothing) {
  for (const char* json :
       {"", "x", "[]", "null", "1", R"({"bindings": 1})", R"({"bindings": [1]})", R"({"bindings": [null]})"})
    BOOST_TEST(!tools::parse_bindings(json).ok(), json);
  for (const char* json : {"", "x", "[]", "null", R"({"services": {}})"})
    BOOST_TEST(!tools::explain_text(json).ok(), json);
  const auto example = nlohmann::json::parse(documented("GET /explain"));
  const auto binding = nlohmann::json::parse(documented("GET /bindings"))["bindings"][0];
  for (const std::string& lie : kLies) {
    const auto value = nlohmann::json::parse(lie);
    for (const auto& [key, was] : binding.items()) {
      auto bad = binding;
      bad[key] = value;
      BOOST_TEST(tools::bindings_text({bad}, kNow).find('\x1b') == std::string::npos);
      BOOST_TEST(tools::bindings_csv_line(bad).ends_with("\r\n"));
    }
    const auto flat = example.flatten();
    for (const auto& at : flat.items()) {
      auto bad = example;
      bad[nlohmann::json::json_pointer(at.key())] = value;
      const auto text = tools::explain_text(bad.dump());
      BOOST_TEST((!text.ok() || text->find('\x1b') == std::string::npos));
    }
    for (const char* list : {"candidates", "recent", "policies", "servers", "scope", "paths", "shed"}) {
      auto bad = example;
      bad["services"][0][list] = value;
      BOOST_TEST(tools::explain_text(bad.dump()).ok());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_is_given_in_bodies_that_a_master_takes) {
  std::stringstream file;
  for (int i = 0; i < 1000; ++i)
    file << R"({"prefix": "10.0.0.0/8", "servers": ["fra"], "text": ")" << std::string(100, 'x') << "\"}\n\n";
  std::size_t bodies = 0;
  std::size_t bindings = 0;
  const auto done = tools::import_bindings(file, [&](const std::string& body) -> Status {
    BOOST_TEST(body.size() <= std::size_t{64} * 1024);
    bindings += nlohmann::json::parse(body)["bindings"].size();
    ++bodies;
    return Ok{};
  });
  BOOST_REQUIRE(done.ok());
  BOOST_TEST(*done == 1000U);
  BOOST_TEST(bindings == 1000U);
  BOOST_TEST(bodies > 1U);
  BOOST_TEST(bodies < 10U);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_in_a_file_is_named_by_its_line) {
  const auto error = [](const std::string& text) {
    std::stringstream file(text);
    const auto done = tools::import_bindings(file, [](const std::string&) -> Status { return Ok{}; });
    return done ? std::string() : done.error();
  };
  const std::string good = "{\"prefix\": \"10.0.0.0/8\", \"servers\": [\"fra\"]}\n";
  BOOST_TEST(error("").empty());
  BOOST_TEST(error(good + good).empty());
  for (const std::string& bad :
       std::vector<std::string>{"x", "[]", R"({"prefix": 1, "servers": []})", R"({"prefix": "a"})",
                                std::string(1 << 20, '['), R"({"bindings": []})"})
    BOOST_TEST(error(good + bad).starts_with("line 2: "), bad.substr(0, 40));
  std::stringstream file(good);
  const auto refused =
      tools::import_bindings(file, [](const std::string&) -> Status { return Error{"no such server"}; });
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error() == "0 bindings were taken, then: no such server");
}

BOOST_AUTO_TEST_SUITE_END()
