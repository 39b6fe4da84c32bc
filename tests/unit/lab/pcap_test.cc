// The capture's bytes, as readers of pcap files expect them.
#include "lab/pcap.hh"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(pcap)

BOOST_AUTO_TEST_CASE(the_file_header_says_nanoseconds_and_raw_ip) {
  const auto header = flagfall::lab::pcap_file_header(1500);
  flagfall::ByteReader r(header);
  BOOST_TEST(r.u32() == 0xa1b23c4dU);
  BOOST_TEST(r.u16() == 2U);
  BOOST_TEST(r.u16() == 4U);
  r.skip(8);
  BOOST_TEST(r.u32() == 1500U);
  BOOST_TEST(r.u32() == 101U);
  BOOST_TEST(r.done());
}

BOOST_AUTO_TEST_CASE(a_record_has_its_stamp_to_the_nanosecond) {
  const auto header =
      flagfall::lab::pcap_record_header(flagfall::from_ns<flagfall::RealTime>(1'700'000'000'123'456'789), 99);
  flagfall::ByteReader r(header);
  BOOST_TEST(r.u32() == 1'700'000'000U);
  BOOST_TEST(r.u32() == 123'456'789U);
  BOOST_TEST(r.u32() == 99U);
  BOOST_TEST(r.u32() == 99U);
}

BOOST_AUTO_TEST_SUITE_END()
