// Halving a batch of metrics: by points, with everything around them on both sides.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "ship/metric_bytes.h"
#include "ship/shipper_fixture.h"
#include "ship/split.h"
#include "ship/split_or_fail.h"

namespace forebay::ship {
namespace {

using namespace testing;

TEST(SplitMetricsTest, both_halves_keep_resource_scope_name_unit_metadata_and_temporality) {
  const std::map<DataField, Message (*)(const std::string&)> kinds = {
      {DataField::kGauge, [](const std::string& region) { return double_point(0.5, region); }},
      {DataField::kSum, [](const std::string& region) { return int_point(-7, region); }},
      {DataField::kHistogram, histogram_point},
      {DataField::kExponential, exponential_point},
      {DataField::kSummary, summary_point},
  };
  for (const auto& each : kinds) {
    const DataField kind = each.first;
    const auto point = each.second;
    for (const Codec codec : {Codec::kNone, Codec::kGzip, Codec::kZstd}) {
      const auto with = [&](const std::vector<Message>& points) {
        return metric_request({metric(kind, "m", points, kDelta)});
      };
      const auto halves = split_or_fail(
          metric_batch("i-3", with({point("a"), point("b"), point("c"), point("d")}), 4, codec));
      ASSERT_EQ(halves.size(), 2u);
      EXPECT_EQ(plain_text(halves[0]), with({point("a"), point("b")}));
      EXPECT_EQ(plain_text(halves[1]), with({point("c"), point("d")}));
      EXPECT_EQ(halves[0].id, "i-3.0");
      EXPECT_EQ(halves[1].id, "i-3.1");
      for (const EncodedBatch& half : halves) {
        EXPECT_EQ(half.signal, Signal::kMetrics);
        EXPECT_EQ(half.codec, codec);
        EXPECT_EQ(half.records(), 2u);
        EXPECT_EQ(half.counts[SeverityClass::kUnspecified], 2u);
        EXPECT_EQ(half.raw_bytes, plain_text(half).size());
        EXPECT_EQ(half.represented(), 2u);
      }
    }
  }
}

TEST(SplitMetricsTest, one_metric_may_end_and_another_begin_within_a_half) {
  const Message first = metric(DataField::kSum, "a", {int_point(1)});
  const auto second = [](const std::vector<Message>& points) {
    return metric(DataField::kHistogram, "b", points);
  };
  const Message third = metric(DataField::kExponential, "c", {exponential_point()});
  const std::string other =
      metric_request({metric(DataField::kGauge, "d", {int_point(9)})}, "other");
  const auto halves = split_or_fail(metric_batch(
      "b",
      metric_request({first, second({histogram_point("x"), histogram_point("y")}), third}) + other,
      5));
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(plain_text(halves[0]), metric_request({first, second({histogram_point("x")})}));
  EXPECT_EQ(plain_text(halves[1]), metric_request({second({histogram_point("y")}), third}) + other);
  EXPECT_EQ(halves[0].records(), 2u);
  EXPECT_EQ(halves[1].records(), 3u);
}

TEST(SplitMetricsTest, points_of_forebays_own_stay_so_in_both_halves) {
  EncodedBatch own = counter_batch("b", 5);
  own.internal = 5;
  own.excess = -5;
  for (const EncodedBatch& half : split_or_fail(own)) {
    EXPECT_EQ(half.internal, half.records());
    EXPECT_EQ(half.represented(), 0u);
  }
  EncodedBatch mixed = counter_batch("b", 5);
  mixed.internal = 3;
  mixed.excess = -3;
  const auto halves = split_or_fail(mixed);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(halves[0].internal + halves[1].internal, 3u);
  EXPECT_EQ(halves[0].represented() + halves[1].represented(), 2u);
  for (const EncodedBatch& half : halves) EXPECT_LE(half.internal, half.records());
}

TEST(SplitMetricsTest, a_batch_split_down_to_single_points_loses_none) {
  EncodedBatch whole = counter_batch("b", 13);
  std::vector<EncodedBatch> todo{whole};
  std::string seen;
  while (!todo.empty()) {
    const EncodedBatch next = std::move(todo.back());
    todo.pop_back();
    if (next.records() == 1) {
      seen += std::to_string(plain_text(next).find("r" + std::to_string(seen.size() / 2)) !=
                             std::string::npos) +
              " ";
      continue;
    }
    auto halves = split_or_fail(next);
    ASSERT_EQ(halves.size(), 2u);
    todo.push_back(std::move(halves[1]));
    todo.push_back(std::move(halves[0]));
  }
  std::string expected;
  for (int i = 0; i < 13; ++i) expected += "1 ";
  EXPECT_EQ(seen, expected) << "each point once, in its place";
}

TEST(SplitMetricsTest, a_single_point_that_is_too_large_is_dropped_and_all_others_arrive) {
  ShipperFixture f;
  f.offer(counter_batch("b", 11));
  std::vector<Settlement> all;
  for (int i = 0; i < 100 && !f.exporter->under_way.empty(); ++i) {
    const EncodedBatch& next = f.exporter->under_way.front();
    const bool never = plain_text(next).find("r5") != std::string::npos;
    f.exporter->answer(next.records() > 3 || never ? AK::kTooLarge : AK::kDelivered);
    for (Settlement& settlement : f.step()) all.push_back(std::move(settlement));
  }
  EXPECT_EQ(records(all, SK::kDelivered), 10u);
  EXPECT_EQ(records(all, SK::kTooLarge), 1u);
}

TEST(SplitMetricsTest, counts_that_the_points_do_not_bear_out_are_corrupt) {
  Transcoder transcoder;
  EncodedBatch more = counter_batch("b", 3);
  more.counts[SeverityClass::kUnspecified] = 4;
  EXPECT_EQ(split(more, transcoder).status().code(), StatusCode::kCorrupt);
  EncodedBatch as_info = counter_batch("b", 3);
  as_info.counts = SeverityCounts{};
  as_info.counts[SeverityClass::kInfo] = 3;
  EXPECT_EQ(split(as_info, transcoder).status().code(), StatusCode::kCorrupt);
  EXPECT_FALSE(split(counter_batch("b", 1), transcoder).is_ok());
}

TEST(SplitMetricsTest, no_cut_or_flipped_byte_does_more_harm_than_an_error) {
  const std::string bytes =
      metric_request({metric(DataField::kSum, "a", {int_point(1), int_point(2)}),
                      metric(DataField::kHistogram, "b", {histogram_point()})});
  Transcoder transcoder;
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(split(metric_batch("b", bytes.substr(0, i), 3, Codec::kNone), transcoder).is_ok())
        << i;
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      const auto halves = split(metric_batch("b", flipped, 3, Codec::kNone), transcoder);
      if (halves) {
        EXPECT_EQ((*halves)[0].records() + (*halves)[1].records(), 3u);
      }
    }
  }
}

}  // namespace
}  // namespace forebay::ship
