#include "base/codec.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/random.h"

namespace forebay {
namespace {

using namespace std::string_literals;

constexpr Codec kAll[] = {Codec::kNone, Codec::kGzip, Codec::kZstd};
constexpr Codec kBoth[] = {Codec::kGzip, Codec::kZstd};
constexpr size_t kMiB = size_t{1} << 20;

std::string compressed(Codec codec, const std::string& content, int level = 0) {
  Compressor compressor;
  ByteBuffer out;
  const Status status = compressor.compress(codec, level, as_bytes(content), out);
  EXPECT_TRUE(status) << status.message();
  return std::string(as_text(out.view()));
}

struct Decompressed {
  Status status;
  std::string content;
};
Decompressed decompressed(Codec codec, const std::string& bytes, size_t max_bytes = 64 * kMiB) {
  Decompressor decompressor;
  ByteBuffer out;
  out.append("kept ");
  Status status = decompressor.decompress(codec, as_bytes(bytes), max_bytes, out);
  const std::string written(as_text(out.view()));
  EXPECT_EQ(written.substr(0, 5), "kept ");
  EXPECT_TRUE(status.is_ok() || written.size() == 5) << "a failure leaves nothing";
  return {std::move(status), written.substr(5)};
}

// Half of it compresses.
std::string mixed_content(size_t size, uint64_t seed) {
  Random random(seed);
  std::string content(size, 'a');
  for (size_t i = 0; i < size; i += 2) content[i] = static_cast<char>(random.next());
  return content;
}

TEST(CodecTest, names_are_those_of_the_content_encoding_header) {
  EXPECT_EQ(codec_name(Codec::kNone), "identity");
  EXPECT_EQ(codec_name(Codec::kGzip), "gzip");
  EXPECT_EQ(codec_name(Codec::kZstd), "zstd");
}

TEST(CodecTest, contents_of_every_size_come_back) {
  for (const Codec codec : kAll) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{65'536}, 3 * kMiB + 1}) {
      const std::string content = mixed_content(size, size + 1);
      const auto result = decompressed(codec, compressed(codec, content), size);
      EXPECT_TRUE(result.status) << codec_name(codec) << " " << size << result.status.message();
      EXPECT_EQ(result.content, content);
    }
  }
}

TEST(CodecTest, output_is_appended_and_contexts_serve_again_at_other_levels) {
  Compressor compressor;
  Decompressor decompressor;
  const std::string content(10'000, 'x');
  for (const Codec codec : kBoth) {
    for (const int level : {0, 1, 9, 1, 9, 6}) {
      ByteBuffer out;
      out.append("head");
      ASSERT_TRUE(compressor.compress(codec, level, as_bytes(content), out));
      ASSERT_EQ(as_text(out.view()).substr(0, 4), "head");
      ByteBuffer back;
      ASSERT_TRUE(decompressor.decompress(codec, out.view().subspan(4), content.size(), back));
      EXPECT_EQ(as_text(back.view()), content);
    }
  }
  Compressor moved = std::move(compressor);
  ByteBuffer out;
  EXPECT_TRUE(moved.compress(Codec::kGzip, 1, as_bytes(content), out));
}

TEST(CodecTest, a_zstd_frame_has_its_content_size_and_no_checksum) {
  for (const int level : {-7, 0, 1, 3, 22}) {
    const std::string frame = compressed(Codec::kZstd, std::string(1000, 'x'), level);
    ASSERT_EQ(frame.substr(0, 4), "\x28\xB5\x2F\xFD");
    // RFC 8878 3.1.1.1.1: bits 7-6 size of the content size, 5 single segment, 2 checksum.
    const auto descriptor = static_cast<uint8_t>(frame[4]);
    EXPECT_EQ(descriptor & 0x04, 0) << level;
    ASSERT_EQ(descriptor & 0xE0, 0x60) << level;  // two bytes, in one segment: no window
    const auto low = static_cast<uint8_t>(frame[5]);
    const auto high = static_cast<uint8_t>(frame[6]);
    EXPECT_EQ(low + high * 256 + 256, 1000) << level;
  }
}

TEST(CodecTest, no_level_asks_for_a_window_over_eight_mebibytes) {
  // RFC 9659: a receiver of Content-Encoding zstd need not have more.
  const std::string content(20 * kMiB, 'x');
  for (const int level : {1, 19, 20, 22}) {
    const std::string frame = compressed(Codec::kZstd, content, level);
    const auto descriptor = static_cast<uint8_t>(frame[4]);
    ASSERT_EQ(descriptor & 0x20, 0) << "one segment: the window is the whole content";
    const auto window = static_cast<uint8_t>(frame[5]);  // RFC 8878 3.1.1.1.2
    const uint64_t base = uint64_t{1} << (10 + (window >> 3));
    EXPECT_LE(base + base / 8 * (window & 7), 8 * kMiB) << level;
  }
}

TEST(CodecTest, gzip_has_the_gzip_wrapper) {
  EXPECT_EQ(compressed(Codec::kGzip, "x").substr(0, 3), "\x1F\x8B\x08");
}

TEST(CodecTest, a_level_out_of_range_is_named) {
  Compressor compressor;
  ByteBuffer out;
  EXPECT_EQ(compressor.compress(Codec::kZstd, 23, as_bytes("x"), out).message(),
            "level: 23 is not in -7..22 (zstd)");
  EXPECT_EQ(compressor.compress(Codec::kGzip, 10, as_bytes("x"), out).message(),
            "level: 10 is not in 0..9 (gzip)");
  EXPECT_TRUE(compressor.compress(Codec::kNone, 99, as_bytes("x"), out));
}

TEST(CodecTest, higher_levels_make_less_of_it) {
  Random random(11);
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += "word" + std::to_string(random.below(500)) + " ";
  for (const Codec codec : kBoth) {
    EXPECT_LT(compressed(codec, content, 9).size(), compressed(codec, content, 1).size());
  }
}

TEST(CodecTest, frames_and_members_that_follow_one_another_are_one_content) {
  const std::string a(100'000, 'a');
  for (const Codec codec : kBoth) {
    const std::string bytes = compressed(codec, a) + compressed(codec, "") + compressed(codec, "b");
    const auto result = decompressed(codec, bytes, a.size() + 1);
    EXPECT_TRUE(result.status) << result.status.message();
    EXPECT_EQ(result.content, a + "b");
    EXPECT_EQ(decompressed(codec, bytes, a.size()).status.code(), StatusCode::kCorrupt)
        << "the limit is for all of it";
  }
}

TEST(CodecTest, a_frame_without_a_content_size_is_read_too) {
  // Made with: printf 'hello hello hello hello' | zstd --no-content-size --no-check
  const std::string frame =
      "\x28\xB5\x2F\xFD\x00\x58\x65\x00\x00\x30\x68\x65\x6C\x6C\x6F\x20\x01\x00\x99\x4B\x11"s;
  const auto result = decompressed(Codec::kZstd, frame);
  EXPECT_TRUE(result.status) << result.status.message();
  EXPECT_EQ(result.content, "hello hello hello hello");
}

TEST(CodecTest, content_is_taken_up_to_the_limit_and_not_one_byte_more) {
  const std::string content = mixed_content(100'000, 3);
  for (const Codec codec : kAll) {
    const std::string bytes = compressed(codec, content);
    EXPECT_TRUE(decompressed(codec, bytes, content.size()).status);
    EXPECT_EQ(decompressed(codec, bytes, content.size() - 1).status.code(), StatusCode::kCorrupt);
    EXPECT_EQ(decompressed(codec, bytes, 0).status.code(), StatusCode::kCorrupt);
  }
}

TEST(CodecTest, a_bomb_costs_no_more_memory_than_the_limit) {
  const std::string zeros(64 * kMiB, '\0');
  for (const Codec codec : kBoth) {
    const std::string bomb = compressed(codec, zeros, 1);
    EXPECT_LT(bomb.size(), kMiB / 2);
    Decompressor decompressor;
    ByteBuffer out;
    EXPECT_EQ(decompressor.decompress(codec, as_bytes(bomb), kMiB, out).code(),
              StatusCode::kCorrupt);
    EXPECT_EQ(out.size(), 0u);
    EXPECT_LE(out.capacity(), 2 * kMiB + 128 * 1024) << codec_name(codec);
  }
}

TEST(CodecTest, every_cut_is_corrupt_and_the_decompressor_serves_on) {
  const std::string content = mixed_content(2000, 5);
  for (const Codec codec : kBoth) {
    const std::string bytes = compressed(codec, content);
    Decompressor decompressor;
    ByteBuffer out;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const ByteView cut = as_bytes(bytes).first(size);
      ASSERT_EQ(decompressor.decompress(codec, cut, kMiB, out).code(), StatusCode::kCorrupt)
          << codec_name(codec) << " " << size;
      ASSERT_EQ(out.size(), 0u);
    }
    EXPECT_TRUE(decompressor.decompress(codec, as_bytes(bytes), kMiB, out));
    EXPECT_EQ(as_text(out.view()), content);
  }
}

TEST(CodecTest, bytes_after_the_end_are_corrupt) {
  for (const Codec codec : kBoth) {
    for (const std::string& tail : {"x"s, "trailing garbage"s, "\0"s, "\x1F"s, "\x28\xB5"s}) {
      EXPECT_EQ(decompressed(codec, compressed(codec, "content") + tail).status.code(),
                StatusCode::kCorrupt)
          << codec_name(codec) << " " << tail;
    }
  }
}

TEST(CodecTest, the_bytes_of_another_codec_are_corrupt) {
  EXPECT_EQ(decompressed(Codec::kZstd, compressed(Codec::kGzip, "x")).status.code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(decompressed(Codec::kGzip, compressed(Codec::kZstd, "x")).status.code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(decompressed(Codec::kGzip, "plain text that is neither").status.code(),
            StatusCode::kCorrupt);
}

TEST(CodecTest, random_damage_is_survived) {
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::string content = mixed_content(3000, seed);
  for (const Codec codec : kBoth) {
    const std::string bytes = compressed(codec, content);
    Decompressor decompressor;
    ByteBuffer out;
    int failed = 0;
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = bytes;
      damaged[random.below(damaged.size())] ^= static_cast<char>(1 << random.below(8));
      out.clear();
      if (!decompressor.decompress(codec, as_bytes(damaged), 10'000, out)) ++failed;
      ASSERT_LE(out.size(), 10'000u);
    }
    EXPECT_GT(failed, 0);
  }
}

}  // namespace
}  // namespace forebay
