#include "ship/split.h"

#include <gtest/gtest.h>

#include <string>

#include "ship/otlp_bytes.h"
#include "ship/split_or_fail.h"

namespace forebay::ship {
namespace {

using namespace testing;

EncodedBatch batch_of(Signal signal, const std::string& message, const SeverityCounts& counts) {
  EncodedBatch batch;
  batch.id = "b";
  batch.signal = signal;
  batch.raw_bytes = message.size();
  batch.counts = counts;
  batch.body = in_codec(message, Codec::kNone);
  return batch;
}

TEST(SplitTest, each_half_has_its_records_its_envelopes_and_exact_counts) {
  for (const Codec codec : {Codec::kNone, Codec::kGzip, Codec::kZstd}) {
    const EncodedBatch batch = log_batch("b", {9, 17, 0, 5, 21}, codec);
    const auto halves = split_or_fail(batch);
    ASSERT_EQ(halves.size(), 2u);
    const auto record = [](uint32_t severity, int i) {
      return log_record(severity, "r" + std::to_string(i));
    };
    EXPECT_EQ(plain_text(halves[0]), log_request({record(9, 0), record(17, 1)}));
    EXPECT_EQ(plain_text(halves[1]), log_request({record(0, 2), record(5, 3), record(21, 4)}));
    EXPECT_EQ(halves[0].id, "b.0");
    EXPECT_EQ(halves[1].id, "b.1");
    EXPECT_EQ(halves[0].codec, codec);
    EXPECT_EQ(halves[0].raw_bytes, plain_text(halves[0]).size());
    EXPECT_EQ(halves[0].counts[SeverityClass::kInfo], 1u);
    EXPECT_EQ(halves[0].counts[SeverityClass::kError], 1u);
    EXPECT_EQ(halves[0].records(), 2u);
    EXPECT_EQ(halves[1].counts[SeverityClass::kUnspecified], 1u);
    EXPECT_EQ(halves[1].counts[SeverityClass::kDebug], 1u);
    EXPECT_EQ(halves[1].counts[SeverityClass::kFatal], 1u);
    EXPECT_EQ(halves[0].body->capacity(), halves[0].body->size());
  }
}

TEST(SplitTest, each_half_knows_how_many_records_its_own_stand_for) {
  const auto count = [](uint64_t n) {
    return key_value("forebay.adjusted_count", Message().varint(3, n));
  };
  const Message internal = key_value("forebay.internal", any_text("gap"));
  const std::string message =
      log_request({log_record(9, "plain"), log_record(9, "kept").message(6, count(10)),
                   log_record(9, "gap").message(6, internal),
                   log_record(9, "remainder").message(6, count(7)).message(6, internal),
                   log_record(9, "other").message(6, key_value("n", Message().varint(3, 99)))});
  SeverityCounts counts;
  counts[SeverityClass::kInfo] = 5;
  EncodedBatch batch = batch_of(Signal::kLogs, message, counts);
  batch.excess = 14;
  const auto halves = split_or_fail(batch);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(batch.represented(), 19u);
  EXPECT_EQ(halves[0].represented(), 1u + 10u);
  EXPECT_EQ(halves[1].represented(), 0u + 7u + 1u) << "a gap record stands for none";
}

TEST(SplitTest, records_of_forebay_s_own_are_known_in_either_half) {
  const auto internal = [](const std::string& body) {
    return log_record(13, body).message(6, key_value("forebay.internal", any_text("gap")));
  };
  for (const bool in_second : {false, true}) {
    const std::string message =
        log_request({internal("a"), in_second ? log_record(9, "b") : internal("b"),
                     in_second ? internal("c") : log_record(9, "c"), log_record(9, "d")});
    SeverityCounts counts;
    counts[SeverityClass::kWarn] = 2;
    counts[SeverityClass::kInfo] = 2;
    EncodedBatch batch = batch_of(Signal::kLogs, message, counts);
    batch.internal = 2;
    const auto halves = split_or_fail(batch);
    ASSERT_EQ(halves.size(), 2u);
    EXPECT_EQ(halves[0].internal, in_second ? 1u : 2u);
    EXPECT_EQ(halves[1].internal, in_second ? 1u : 0u);
  }
}

TEST(SplitTest, what_else_a_batch_says_stays_with_both_halves) {
  EncodedBatch batch = log_batch("i-7.1", {9, 9});
  batch.lane = 3;
  batch.ambiguous = true;
  batch.oldest = MonotonicTime{Duration{5}};
  batch.newest = MonotonicTime{Duration{9}};
  for (const EncodedBatch& half : split_or_fail(batch)) {
    EXPECT_EQ(half.lane, 3);
    EXPECT_TRUE(half.ambiguous);
    EXPECT_EQ(half.oldest, batch.oldest);
    EXPECT_EQ(half.newest, batch.newest);
    EXPECT_EQ(half.id.substr(0, 6), "i-7.1.");
  }
}

TEST(SplitTest, resources_and_scopes_without_records_of_a_half_are_not_in_it) {
  const std::string message =
      log_request({log_record(9, "a1"), log_record(9, "a2"), log_record(9, "a3")}, "first.scope") +
      log_request({log_record(9, "b1")}, "second.scope");
  SeverityCounts counts;
  counts[SeverityClass::kInfo] = 4;
  const auto halves = split_or_fail(batch_of(Signal::kLogs, message, counts));
  EXPECT_EQ(plain_text(halves[0]),
            log_request({log_record(9, "a1"), log_record(9, "a2")}, "first.scope"));
  EXPECT_EQ(plain_text(halves[1]), log_request({log_record(9, "a3")}, "first.scope") +
                                       log_request({log_record(9, "b1")}, "second.scope"));
}

TEST(SplitTest, metrics_are_halved_by_points_and_keep_name_unit_and_temporality) {
  const auto point = [](uint64_t value) { return Message().fixed64(3, 7).fixed64(6, value); };
  const auto metric = [](const std::vector<Message>& points) {
    Message sum;
    for (const Message& p : points) sum.message(1, p);
    sum.varint(2, 2).varint(3, 1);
    return Message().text(1, "orders").text(3, "{order}").message(7, sum);
  };
  const auto request = [](const std::vector<Message>& metrics) {
    Message scope;
    for (const Message& m : metrics) scope.message(2, m);
    return Message().message(1, Message().message(2, scope)).bytes();
  };
  Message gauge;
  gauge.text(1, "depth").message(5, Message().message(1, point(9)));
  SeverityCounts counts;
  counts[SeverityClass::kUnspecified] = 4;
  const auto halves = split_or_fail(
      batch_of(Signal::kMetrics, request({metric({point(1), point(2), point(3)}), gauge}), counts));
  EXPECT_EQ(plain_text(halves[0]), request({metric({point(1), point(2)})}));
  EXPECT_EQ(plain_text(halves[1]), request({metric({point(3)}), gauge}));
  EXPECT_EQ(halves[1].records(), 2u);
}

TEST(SplitTest, unknown_fields_stay) {
  const Message scope = Message().message(2, log_record(9, "a")).message(2, log_record(9, "b"));
  const std::string message =
      Message().message(1, Message().message(2, scope).text(99, "future")).varint(98, 5).bytes();
  SeverityCounts counts;
  counts[SeverityClass::kInfo] = 2;
  for (const EncodedBatch& half : split_or_fail(batch_of(Signal::kLogs, message, counts))) {
    EXPECT_NE(plain_text(half).find("future"), std::string::npos);
  }
}

TEST(SplitTest, one_record_cannot_be_split) {
  Transcoder transcoder;
  EXPECT_FALSE(split(log_batch("b", {9}), transcoder).is_ok());
}

TEST(SplitTest, counts_that_the_bytes_do_not_bear_out_are_corrupt) {
  Transcoder transcoder;
  EncodedBatch more = log_batch("b", {9, 9, 9});
  more.counts[SeverityClass::kInfo] = 4;
  EXPECT_EQ(split(more, transcoder).status().code(), StatusCode::kCorrupt);
  EncodedBatch other_class = log_batch("b", {9, 9, 9});
  other_class.counts = SeverityCounts{};
  other_class.counts[SeverityClass::kError] = 3;
  EXPECT_EQ(split(other_class, transcoder).status().code(), StatusCode::kCorrupt);
}

TEST(SplitTest, no_cut_or_flipped_byte_does_more_harm_than_an_error) {
  const EncodedBatch whole = log_batch("b", {9, 17, 5, 21}, Codec::kNone);
  const std::string bytes = plain_text(whole);
  Transcoder transcoder;
  for (size_t i = 0; i < bytes.size(); ++i) {
    EncodedBatch cut = whole;
    cut.body = in_codec(bytes.substr(0, i), Codec::kNone);
    EXPECT_FALSE(split(cut, transcoder).is_ok()) << i;
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      EncodedBatch bad = whole;
      bad.body = in_codec(flipped, Codec::kNone);
      const auto halves = split(bad, transcoder);
      if (halves) {
        EXPECT_EQ((*halves)[0].records() + (*halves)[1].records(), 4u);
      }
    }
  }
}

}  // namespace
}  // namespace forebay::ship
