// The one main() that every Boost.Test executable shares.
#define BOOST_TEST_MODULE flagfall
#include <boost/test/unit_test.hpp>
