// The one main() that every Boost.Test executable shares.
#define BOOST_TEST_MODULE flagfall
#include <boost/test/unit_test.hpp>

#include "tests/source_path.hh"

std::string flagfall::test::source_path(const std::string& from_root) {
  return FLAGFALL_SOURCE_DIR "/" + from_root;
}
