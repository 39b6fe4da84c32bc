#include "simulate/matrix.hh"

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "simulate/latencies.hh"
#include "simulate/places.hh"

using namespace flagfall;
using namespace flagfall::simulate;

BOOST_AUTO_TEST_SUITE(matrix)

BOOST_AUTO_TEST_CASE(columns_and_rows_have_their_names_with_blanks_or_commas) {
  for (const char* text : {"# ours\nms fra iad\nberlin 12.5 98\r\nparis\t9.8 83\n",
                           "ms,fra,iad\nberlin, 12.5,98\nparis,9.8,83"}) {
    const auto read = parse_matrix(text, "f");
    BOOST_REQUIRE_MESSAGE(read.ok(), text);
    BOOST_TEST(read->columns == (std::vector<std::string>{"fra", "iad"}), boost::test_tools::per_element());
    BOOST_TEST(read->rows == (std::vector<std::string>{"berlin", "paris"}), boost::test_tools::per_element());
    BOOST_TEST(read->slices == 1U);
    BOOST_TEST(read->at(0, 1, 0) == 9.8, boost::test_tools::tolerance(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(without_names_they_are_numbers_and_an_empty_line_begins_a_slice) {
  const auto read = parse_matrix("0 1\n1 0\n\n\n0 3\n3 0\n", "f");
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->rows == read->columns, boost::test_tools::per_element());
  BOOST_TEST(read->slices == 2U);
  BOOST_TEST(read->at(1, 0, 1) == 3);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_line) {
  const auto error = [](const char* text) {
    const auto read = parse_matrix(text, "f");
    return read ? std::string("none") : read.error();
  };
  BOOST_TEST(error("") == "f: no line of figures");
  BOOST_TEST(error("1 2\n3\n") == "f:2: 1 figures, and not 2 as in the first line");
  BOOST_TEST(error("1 2\n3 -4\n") == "f:2: figure 2: '-4' is no time from 0 to 60000 ms");
  BOOST_TEST(error("1 2\n3 nan\n").starts_with("f:2: figure 2"));
  BOOST_TEST(error("1 2\n3 4\n\n1 2\n").starts_with("f:4: a slice of 1 rows, and not 2"));
  BOOST_TEST(error("ms a a\nx 1 2\n") == "f:1: column 'a' twice");
  BOOST_TEST(error("ms a b\nx 1 2\nx 1 2\n") == "f:3: row 'x' twice");
  BOOST_TEST(error("ms a b\nx 1 2\n\nms a c\nx 1 2\n").starts_with("f:4: other columns"));
  BOOST_TEST(error("ms,\"a,b\"\nx,1\n") == "f:1: a name has 1 to 64 characters, and no blank or quote");
  BOOST_TEST(error("ms a\n\n").starts_with("f:2: names of columns, and no row"));
}

BOOST_AUTO_TEST_CASE(a_spreadsheets_quotes_and_mark_are_no_part_of_names_and_figures) {
  const auto read =
      parse_matrix("\xef\xbb\xbf\"ms\",\"fra\",\"iad\"\r\n\"berlin\",\"12.5\", \"98\"\r\n", "f");
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->columns == (std::vector<std::string>{"fra", "iad"}), boost::test_tools::per_element());
  BOOST_TEST(read->rows.front() == "berlin");
  BOOST_TEST(read->at(0, 0, 1) == 98);
  const auto figures = parse_matrix(
      "\xef\xbb\xbf"
      "0 1\n1 0\n",
      "f");
  BOOST_REQUIRE(figures.ok());
  BOOST_TEST(figures->rows.size() == 2U);
  const auto places =
      parse_places("\xef\xbb\xbfsite,\"fra\",\"50\",8\n\"client\",\"new york\",40,-74\n", "p");
  BOOST_REQUIRE(places.ok());
  BOOST_TEST(places->sites.front().name == "fra");
  BOOST_TEST(places->clients.front().name == "new york");
  BOOST_TEST(parse_places("site,\"a,1\",0\n", "p").error().starts_with("p:1: a name has"));
}

BOOST_AUTO_TEST_CASE(more_columns_rows_or_sites_than_the_most_are_refused) {
  const auto figures = [](std::size_t count, const char* between) {
    std::string out = "1";
    for (std::size_t i = 1; i < count; ++i) out += between + std::string("1");
    return out + '\n';
  };
  for (const char* between : {" ", ","}) {
    BOOST_TEST(parse_matrix(figures(kMostColumns, between), "f").ok());
    BOOST_TEST(parse_matrix(figures(kMostColumns + 1, between), "f").error() ==
               "f:1: more than 16384 columns");
    BOOST_TEST(
        parse_matrix(std::string("ms a\nx") + between + figures(kMostColumns + 1, between), "f").error() ==
        "f:2: more than 16384 columns");
  }
  BOOST_TEST(parse_matrix(figures(kMostRows, "\n"), "f").ok());
  BOOST_TEST(parse_matrix(figures(kMostRows + 1, "\n"), "f").error() == "f:1000001: more than 1000000 rows");
  for (const std::size_t sites : {kMostSites, kMostSites + 1}) {
    std::vector<std::size_t> all(sites);
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto world = of_matrix(*parse_matrix(figures(sites, " "), "f"), all, nullptr);
    BOOST_TEST(world.ok() == (sites == kMostSites));
    if (!world) BOOST_TEST(world.error().starts_with("the matrix has 4097 sites, and more than 4096"));
  }
}

BOOST_AUTO_TEST_CASE(another_file_must_have_the_same_rows_and_columns) {
  auto one = parse_matrix("1 2\n3 4\n", "f");
  BOOST_TEST(append(*one, *parse_matrix("5 6\n7 8\n", "g"), "g").ok());
  BOOST_TEST(one->slices == 2U);
  BOOST_TEST(one->at(1, 1, 1) == 8);
  BOOST_TEST(!append(*one, *parse_matrix("5 6\n", "g"), "g").ok());
}

BOOST_AUTO_TEST_CASE(places_are_read_or_refused_with_their_line) {
  const auto read = parse_places("# here\nsite,fra,50.11,8.68\nclient, berlin ,52.52,13.4 # it\n", "p");
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->sites.front().name == "fra");
  BOOST_TEST(read->clients.front().at.longitude == 13.4);
  const auto error = [](const char* text) { return parse_places(text, "p").error(); };
  BOOST_TEST(error("site,fra,91,0\n").starts_with("p:1: degrees north are from -90"));
  BOOST_TEST(error("node,fra,1,0\n").starts_with("p:1: write 'site,NAME"));
  BOOST_TEST(error("site,a,1,0\nsite,a,1,0\n") == "p:2: site 'a' twice");
  BOOST_TEST(error("site,a,1,0\n") == "p: it takes one site and one client place at least");
}

BOOST_AUTO_TEST_SUITE_END()
