#include "encode/protobuf_writer.h"

#include <gtest/gtest.h>

#include <array>

namespace forebay::encode {
namespace {

TEST(ProtobufWriterTest, a_varint_takes_as_many_bytes_as_its_size_says) {
  for (uint32_t bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      std::array<uint8_t, kMaxVarintBytes> bytes{};
      const uint8_t* end = put_varint(bytes.data(), value);
      EXPECT_EQ(end - bytes.data(), varint_size(value)) << value;
      const uint32_t bits = value == 0 ? 1 : static_cast<uint32_t>(std::bit_width(value));
      EXPECT_EQ(varint_size(value), (bits + 6) / 7) << value;
      uint64_t read = ~value;
      EXPECT_EQ(read_varint(bytes.data(), end, read), end);
      EXPECT_EQ(read, value);
    }
  }
}

TEST(ProtobufWriterTest, a_negative_number_takes_ten_bytes) {
  EXPECT_EQ(varint_size(static_cast<uint64_t>(int64_t{-1})), 10u);
}

TEST(ProtobufWriterTest, a_varint_that_is_cut_or_too_long_is_not_read) {
  const std::array<uint8_t, 11> bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0x02, 0x00};
  uint64_t value = 0;
  EXPECT_EQ(read_varint(bytes.data(), bytes.data(), value), nullptr);
  EXPECT_EQ(read_varint(bytes.data(), bytes.data() + 3, value), nullptr);
  EXPECT_EQ(read_varint(bytes.data(), bytes.data() + 11, value), nullptr);  // bit 64 is set
}

TEST(ProtobufWriterTest, a_tag_holds_field_and_wire_type) {
  EXPECT_EQ(tag(1, WireType::kFixed64), 0x09);
  EXPECT_EQ(tag(6, WireType::kBytes), 0x32);
  EXPECT_EQ(tag(8, WireType::kFixed32), 0x45);
  EXPECT_EQ(tag(15, WireType::kVarint), 0x78);
}

TEST(ProtobufWriterTest, fixed_numbers_are_little_endian) {
  std::array<uint8_t, 12> bytes{};
  uint8_t* end = put_fixed32(put_fixed64(bytes.data(), 0x0102030405060708ULL), 0x0a0b0c0d);
  EXPECT_EQ(end, bytes.data() + 12);
  EXPECT_EQ(bytes, (std::array<uint8_t, 12>{8, 7, 6, 5, 4, 3, 2, 1, 0x0d, 0x0c, 0x0b, 0x0a}));
}

}  // namespace
}  // namespace forebay::encode
