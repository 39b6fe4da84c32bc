// TOML text to values: lines are right, and no text can do harm.
#include "common/config/value.hh"

#include <boost/test/unit_test.hpp>

namespace config = flagfall::config;

BOOST_AUTO_TEST_SUITE(value)

BOOST_AUTO_TEST_CASE(every_value_knows_its_file_and_line) {
  const auto root = config::parse_text("a = 1\n\n[t]\nb = [\n  1,\n  2,\n]\n", "f.toml");
  BOOST_REQUIRE(root.ok());
  BOOST_TEST(root->find("a")->line == 1U);
  BOOST_TEST(root->find("t")->line == 3U);
  BOOST_TEST(std::get<config::Value::Array>(root->find("t")->find("b")->data).at(1).line == 6U);
  BOOST_TEST(root->find("t")->error("is odd").text == "f.toml:3: is odd");
}

BOOST_AUTO_TEST_CASE(a_syntax_error_has_its_line) {
  for (const auto* text :
       {"a = 1\nb = \n", "a = 1\n[x", "a = 1\n[[[x]]]", "a = 1\n\xc3\xbc = 1",
        "a = 1\nb =\xe2\x80\x9cquoted\xe2\x80\x9d", "a = 1\na = 2\n", "a=1\nb = \"\xff\"\n"}) {
    const auto root = config::parse_text(text, "f.toml");
    BOOST_REQUIRE(!root.ok());
    BOOST_CHECK_MESSAGE(root.error().starts_with("f.toml:2: "), root.error());
  }
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused_and_does_not_exhaust_the_stack) {
  BOOST_TEST(!config::parse_text("x = " + std::string(1'000'000, '['), "f").ok());
  std::string dotted;
  for (int i = 0; i < 1'000'000; ++i) dotted += "a.";
  BOOST_TEST(!config::parse_text(dotted + "a = 1", "f").ok());
  BOOST_TEST(!config::parse_text("[" + dotted + "a]", "f").ok());
  // The worst that passes: 16 levels of inline tables, each as many dots as a line may have.
  std::string worst;
  for (int i = 0; i < 7; ++i)
    worst += std::string("x") + [] {
      std::string s;
      for (int j = 0; j < 299; ++j) s += ".a";
      return s;
    }() + " = [\n{";
  for (int i = 0; i < 7; ++i) worst += "}\n]";
  BOOST_TEST(config::parse_text(worst, "f").ok());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_too_large_is_refused) {
  BOOST_TEST(!config::parse_text(std::string(config::kMaxFileSize + 1, '\n'), "f").ok());
}

BOOST_AUTO_TEST_CASE(a_folder_is_not_a_file) {
  BOOST_TEST(!config::parse_file("/").ok());
}

BOOST_AUTO_TEST_SUITE_END()
