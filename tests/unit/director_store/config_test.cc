#include "director/store/config.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/director_store/folder.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(the_defaults_are_read_back_as_they_are_printed) {
  const auto schema = store_schema();
  const auto read = schema.parse(schema.print(StoreConfig{}), "store.toml");
  BOOST_REQUIRE_MESSAGE(read, (read ? std::string() : read.error()));
  BOOST_TEST(read->database.text == "/var/lib/flagfall/director.db");
  BOOST_TEST(read->most_size.bytes == std::int64_t{1} << 30);
}

BOOST_AUTO_TEST_CASE(without_a_database_there_is_no_store) {
  const auto read = store_schema().parse("database = \"\"", "store.toml");
  BOOST_REQUIRE_MESSAGE(read, (read ? std::string() : read.error()));
  const auto store = open_store(*read);
  BOOST_REQUIRE(store);
  BOOST_TEST(store->get() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_database_becomes_a_store) {
  const Folder folder;
  StoreConfig config;
  config.database.text = folder.file();
  {
    const auto store = open_store(config);
    BOOST_REQUIRE(store);
    (*store)->put({{bound("192.0.2.0/24")}, {}});
  }
  const auto store = open_store(config);
  Known known;
  BOOST_TEST(eventually([&] {
    known.add((*store)->take(10));
    return (*store)->restored();
  }));
  BOOST_TEST(known.server_of("192.0.2.0/24") == "fra");
}

BOOST_AUTO_TEST_SUITE_END()
