#include "common/base/bytes.hh"

#include <array>
#include <boost/test/unit_test.hpp>

using flagfall::ByteReader;
using flagfall::Bytes;
using flagfall::ByteWriter;

BOOST_AUTO_TEST_SUITE(bytes)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  std::array<std::uint8_t, 64> room{};
  ByteWriter w(room);
  w.u8(0xab);
  w.u16(0x1234);
  w.u32(0xdeadbeef);
  w.u64(0x0102030405060708);
  w.i64(-5);
  w.sized(flagfall::as_bytes("hello"));
  BOOST_TEST(w.ok());
  ByteReader r(w.written());
  BOOST_TEST(r.u8() == 0xab);
  BOOST_TEST(r.u16() == 0x1234);
  BOOST_TEST(r.u32() == 0xdeadbeef);
  BOOST_TEST(r.u64() == 0x0102030405060708U);
  BOOST_TEST(r.i64() == -5);
  BOOST_TEST(flagfall::as_text(r.sized()) == "hello");
  BOOST_TEST(r.done());
}

BOOST_AUTO_TEST_CASE(bytes_are_big_endian) {
  std::array<std::uint8_t, 4> room{};
  ByteWriter w(room);
  w.u32(0x01020304);
  BOOST_TEST(room[0] == 1);
  BOOST_TEST(room[3] == 4);
}

BOOST_AUTO_TEST_CASE(a_read_past_the_end_gives_zeros_and_stays_failed) {
  const std::array<std::uint8_t, 3> data{1, 2, 3};
  ByteReader r(data);
  BOOST_TEST(r.u16() == 0x0102);
  BOOST_TEST(r.u16() == 0);
  BOOST_TEST(!r.ok());
  BOOST_TEST(r.u8() == 0);
  BOOST_TEST(!r.done());
}

BOOST_AUTO_TEST_CASE(a_length_beyond_the_data_is_not_believed) {
  const std::array<std::uint8_t, 4> data{0xff, 0xff, 1, 2};
  ByteReader r(data);
  BOOST_TEST(r.sized().empty());
  BOOST_TEST(!r.ok());
}

BOOST_AUTO_TEST_CASE(a_write_past_the_room_writes_nothing_and_can_be_taken_back) {
  std::array<std::uint8_t, 3> room{9, 9, 9};
  ByteWriter w(room);
  w.u16(1);
  w.u32(2);
  BOOST_TEST(!w.ok());
  BOOST_TEST(w.size() == 2U);
  BOOST_TEST(room[2] == 9);
  w.rewind(0);
  BOOST_TEST(w.ok());
  w.u16(7);
  BOOST_TEST(room[1] == 7);
}

BOOST_AUTO_TEST_SUITE_END()
