#include "compress/batch_compressor.h"

#include <gtest/gtest.h>

#include <string>

namespace forebay::compress {
namespace {

std::string log_like_text() {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += "request " + std::to_string(i * 7919) + " finished with 200 in " +
            std::to_string(i % 97) + " ms\n";
  }
  return text;
}

TEST(CompressOptionsTest, the_message_names_field_value_and_range) {
  EXPECT_TRUE(CompressOptions{}.validate());
  EXPECT_EQ((CompressOptions{.codec = Codec::kZstd, .level = 23}.validate().message()),
            "compression_level: 23 is not in -7..22 (zstd)");
  EXPECT_EQ((CompressOptions{.codec = Codec::kZstd, .level = -8}.validate().message()),
            "compression_level: -8 is not in -7..22 (zstd)");
  EXPECT_EQ((CompressOptions{.codec = Codec::kGzip, .level = 10}.validate().message()),
            "compression_level: 10 is not in 0..9 (gzip)");
  EXPECT_EQ((CompressOptions{.codec = Codec::kGzip, .level = -1}.validate().message()),
            "compression_level: -1 is not in 0..9 (gzip)");
  EXPECT_TRUE((CompressOptions{.codec = Codec::kNone, .level = 99}.validate()));
}

TEST(BatchCompressorTest, the_body_is_the_request_in_the_codec_in_just_its_memory) {
  const std::string request = log_like_text();
  for (const Codec codec : {Codec::kNone, Codec::kGzip, Codec::kZstd}) {
    BatchCompressor compressor({.codec = codec});
    EXPECT_EQ(compressor.codec(), codec);
    Decompressor decompressor;
    for (int round = 0; round < 3; ++round) {
      auto body = compressor.compress(as_bytes(request));
      ASSERT_TRUE(body) << body.status().message();
      EXPECT_EQ((*body)->capacity(), (*body)->size());
      if (codec != Codec::kNone) {
        EXPECT_LT((*body)->size() * 3, request.size());
      }
      ByteBuffer back;
      ASSERT_TRUE(decompressor.decompress(codec, (*body)->view(), request.size(), back));
      EXPECT_EQ(as_text(back.view()), request);
    }
  }
}

TEST(BatchCompressorTest, a_request_that_does_not_get_smaller_is_still_in_the_codec) {
  BatchCompressor compressor({});
  auto body = compressor.compress(as_bytes("x"));
  ASSERT_TRUE(body);
  EXPECT_GT((*body)->size(), 1u);
  EXPECT_EQ(as_text((*body)->view()).substr(0, 4), "\x28\xB5\x2F\xFD");
}

TEST(BatchCompressorTest, an_empty_request_has_a_body) {
  for (const Codec codec : {Codec::kNone, Codec::kGzip, Codec::kZstd}) {
    BatchCompressor compressor({.codec = codec});
    auto body = compressor.compress({});
    ASSERT_TRUE(body);
    ASSERT_NE(*body, nullptr);
    EXPECT_EQ((*body)->empty(), codec == Codec::kNone);
  }
}

TEST(BatchCompressorTest, level_zero_of_zstd_is_level_one) {
  const std::string request = log_like_text();
  BatchCompressor by_default({.codec = Codec::kZstd, .level = 0});
  BatchCompressor one({.codec = Codec::kZstd, .level = 1});
  BatchCompressor nineteen({.codec = Codec::kZstd, .level = 19});
  const size_t size = (*by_default.compress(as_bytes(request)))->size();
  EXPECT_EQ(size, (*one.compress(as_bytes(request)))->size());
  EXPECT_LT((*nineteen.compress(as_bytes(request)))->size(), size);
}

TEST(BatchCompressorTest, a_wrong_level_is_an_error_not_a_guess) {
  BatchCompressor compressor({.codec = Codec::kGzip, .level = 12});
  EXPECT_EQ(compressor.compress(as_bytes("x")).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace forebay::compress
