#include "director/store/config.hh"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

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
  const auto store = open_store(*read, "m1");
  BOOST_REQUIRE(store);
  BOOST_TEST(store->get() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_database_becomes_a_store) {
  const Folder folder;
  StoreConfig config;
  config.database.text = folder.file();
  {
    const auto store = open_store(config, "m1");
    BOOST_REQUIRE(store);
    (*store)->put({{bound("192.0.2.0/24")}, {}});
  }
  const auto store = open_store(config, "m1");
  Known known;
  BOOST_TEST(eventually([&] {
    known.add((*store)->take(10));
    return (*store)->restored();
  }));
  BOOST_TEST(known.server_of("192.0.2.0/24") == "fra");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said) {
  const auto error = [](const std::string& text) {
    const auto read = store_schema().parse(text, "store.toml");
    return read ? std::string() : read.error();
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  BOOST_TEST(error("redis = \"/run/redis.sock\"").empty());
  BOOST_TEST(error("redis = \"192.0.2.1\"").empty());
  BOOST_TEST(error("redis = \"[2001:db8::1]:6380\"").empty());
  BOOST_TEST(has(error("redis = \"redis.example.test\""), "neither a socket's path"));
  BOOST_TEST(has(error("redis = \"/" + std::string(200, 'x') + "\""), "107 octets"));
  BOOST_TEST(has(error("redis_user = \"flagfall\""), "goes together with redis_password_file"));
  BOOST_TEST(has(error("redis_prefix = \"a b\""), "printable"));
  BOOST_TEST(has(error("most_size = \"1MiB\""), "16MiB"));
}

BOOST_AUTO_TEST_CASE(a_password_that_others_can_read_is_refused) {
  const Folder folder;
  StoreConfig config;
  config.database.text.clear();
  config.redis = "/nonexistent.sock";
  config.redis_password_file.text = (folder.path / "password").string();
  const auto error = [&] {
    const auto store = open_store(config, "m1");
    return store ? std::string() : store.error();
  };
  BOOST_TEST(error().find("No such file") != std::string::npos);
  std::ofstream(config.redis_password_file.text) << "secret\n";
  BOOST_REQUIRE(chmod(config.redis_password_file.text.c_str(), 0644) == 0);
  BOOST_TEST(error().find("chmod 600") != std::string::npos);
  BOOST_REQUIRE(chmod(config.redis_password_file.text.c_str(), 0600) == 0);
  BOOST_TEST(error().empty());
  std::ofstream(config.redis_password_file.text) << "two\nlines\n";
  BOOST_TEST(error().find("one line") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
