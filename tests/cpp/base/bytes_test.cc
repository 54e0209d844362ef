#include "base/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace forebay {
namespace {

TEST(ByteBufferTest, grows_and_keeps_what_was_written) {
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    buffer.append(std::to_string(i));
    buffer.push_back(' ');
    expected += std::to_string(i) + " ";
  }
  EXPECT_EQ(as_text(buffer.view()), expected);
  EXPECT_GE(buffer.capacity(), buffer.size());
}

TEST(ByteBufferTest, room_becomes_part_of_it_only_by_advance) {
  ByteBuffer buffer;
  buffer.append("ab");
  uint8_t* room = buffer.reserve(2);
  room[0] = 'c';
  room[1] = 'd';
  EXPECT_EQ(as_text(buffer.view()), "ab");
  buffer.advance(1);
  EXPECT_EQ(as_text(buffer.view()), "abc");
}

TEST(ByteBufferTest, enlarged_room_still_holds_what_was_written_into_it) {
  ByteBuffer buffer;
  uint8_t* room = buffer.reserve(1024);
  std::memset(room, 'x', 1024);
  room = buffer.reserve(100'000);
  buffer.advance(1024);
  EXPECT_EQ(as_text(buffer.view()), std::string(1024, 'x'));
}

TEST(ByteBufferTest, clear_keeps_the_memory_and_release_does_not) {
  ByteBuffer buffer;
  buffer.append(std::string(5000, 'x'));
  const uint8_t* memory = buffer.data();
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  buffer.append(std::string(5000, 'y'));
  EXPECT_EQ(buffer.data(), memory);
  buffer.truncate(3);
  EXPECT_EQ(as_text(buffer.view()), "yyy");
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(buffer.size(), 0u);
}

TEST(ByteBufferTest, what_was_moved_from_is_empty_and_usable) {
  ByteBuffer first;
  first.append("content");
  ByteBuffer second(std::move(first));
  EXPECT_EQ(as_text(second.view()), "content");
  EXPECT_EQ(first.size(), 0u);      // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first.capacity(), 0u);  // NOLINT(bugprone-use-after-move)
  first.append("again");
  second = std::move(first);
  EXPECT_EQ(as_text(second.view()), "again");
}

TEST(ByteBufferTest, a_copy_has_no_room_to_spare) {
  const ByteBuffer copy = ByteBuffer::copy_of(as_bytes("seven b"));
  EXPECT_EQ(as_text(copy.view()), "seven b");
  EXPECT_EQ(copy.capacity(), 7u);
  EXPECT_EQ(ByteBuffer::copy_of({}).capacity(), 0u);
}

TEST(ByteBufferTest, appending_nothing_takes_no_memory) {
  ByteBuffer buffer;
  buffer.append(ByteView{});
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_TRUE(buffer.view().empty());
}

}  // namespace
}  // namespace forebay
