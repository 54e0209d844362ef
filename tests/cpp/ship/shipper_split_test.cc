// What the shipper does with batches that are too large, and that no record is lost on the way.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "ship/shipper_fixture.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::AK;
using testing::info_batch;
using testing::records;
using testing::ShipperFixture;
using testing::SK;

TEST(ShipperSplitTest, what_a_destination_limits_is_split_until_it_fits) {
  // It takes at most three records at once, and never the one called r5.
  ShipperFixture f;
  f.offer(info_batch("b", 11));
  std::vector<Settlement> all;
  for (int i = 0; i < 100 && !f.exporter->under_way.empty(); ++i) {
    const EncodedBatch& next = f.exporter->under_way.front();
    const bool never = testing::plain_text(next).find("r5") != std::string::npos;
    f.exporter->answer(next.records() > 3 || never ? AK::kTooLarge : AK::kDelivered);
    for (Settlement& settlement : f.step()) all.push_back(std::move(settlement));
  }
  EXPECT_EQ(records(all, SK::kDelivered), 10u);
  EXPECT_EQ(records(all, SK::kTooLarge), 1u);
  std::set<std::string> in_place{"b"};
  for (const Settlement& s : all) {
    EXPECT_EQ(in_place.count(s.batch.id), 1u) << s.batch.id;
    if (s.kind == SK::kReplaced) {
      ASSERT_EQ(s.parts.size(), 2u);
      EXPECT_EQ(s.parts[0].records() + s.parts[1].records(), s.batch.records());
      for (const EncodedBatch& part : s.parts) in_place.insert(part.id);
    }
    if (s.finishes) in_place.erase(s.batch.id);
  }
  EXPECT_TRUE(in_place.empty());
}

TEST(ShipperSplitTest, halves_that_cannot_go_yet_wait_within_the_exporters_concurrency) {
  ShipperFixture f;
  f.exporter->parallel = 1;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kTooLarge);
  EXPECT_EQ(f.step()[0].kind, SK::kReplaced);
  EXPECT_EQ(f.exporter->sent, (std::vector<std::string>{"b", "b.0"}));
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  f.exporter->answer(AK::kDelivered);
  f.step();
  EXPECT_EQ(f.exporter->sent.back(), "b.1");
}

TEST(ShipperSplitTest, the_halves_of_a_half_go_before_the_other_half) {
  ShipperFixture f;
  f.exporter->parallel = 1;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kTooLarge);
  f.step();
  f.exporter->answer(AK::kTooLarge);
  f.step();
  while (!f.exporter->under_way.empty()) {
    f.exporter->answer(AK::kDelivered);
    f.step();
  }
  EXPECT_EQ(f.exporter->sent, (std::vector<std::string>{"b", "b.0", "b.0.0", "b.0.1", "b.1"}));
}

TEST(ShipperSplitTest, halves_that_wait_go_back_when_a_failure_stops_everything) {
  ShipperFixture f;
  f.exporter->parallel = 1;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kTooLarge);
  f.step();
  f.exporter->answer(AK::kRetry);
  const auto settled = f.step();
  ASSERT_EQ(settled.size(), 2u);
  std::set<std::string> back;
  for (const Settlement& s : settled) {
    EXPECT_EQ(s.kind, SK::kPutBack);
    back.insert(s.batch.id);
  }
  EXPECT_EQ(back, (std::set<std::string>{"b.0", "b.1"}));
}

TEST(ShipperSplitTest, bytes_that_are_not_what_the_batch_claims_cannot_be_split_and_are_let_go) {
  ShipperFixture f;
  EncodedBatch batch = info_batch("b");
  batch.counts[SeverityClass::kInfo] = 12;
  f.offer(std::move(batch));
  f.exporter->answer(AK::kTooLarge);
  const auto settled = f.step();
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].kind, SK::kFailed);
  EXPECT_EQ(settled[0].records.total(), 12u);
}

TEST(ShipperSplitTest, stop_puts_halves_that_were_not_sent_back) {
  ShipperFixture f;
  f.exporter->parallel = 1;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kTooLarge);
  f.step();
  const auto settled = f.shipper->stop(f.clock.now());
  EXPECT_EQ(records(settled, SK::kUnknown), 5u);
  EXPECT_EQ(records(settled, SK::kPutBack), 5u);
}

TEST(ShipperInvariantsTest, random_answers_account_for_every_record) {
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  for (int run = 0; run < 50; ++run) {
    RetryOptions retry;
    if (random.below(2) == 0) retry.max_elapsed = 5s;
    ShipperFixture f(retry, random.next());
    f.exporter->parallel = 1 + static_cast<uint32_t>(random.below(4));
    std::deque<EncodedBatch> backlog;
    uint64_t offered = 0;
    uint64_t ended = 0;
    for (int i = 0; i < 20; ++i) {
      backlog.push_back(info_batch(std::to_string(i), 1 + random.below(40)));
      offered += backlog.back().records();
    }
    for (int i = 0; i < 100'000 && ended < offered; ++i) {
      f.clock.advance(std::chrono::milliseconds{random.below(2000)});
      while (!backlog.empty() && f.shipper->wants(f.clock.now())) {
        f.offer(std::move(backlog.front()));
        backlog.pop_front();
      }
      if (!f.exporter->under_way.empty()) {
        static constexpr AK kKinds[] = {AK::kDelivered, AK::kRejected,   AK::kRetry, AK::kAmbiguous,
                                        AK::kTooLarge,  AK::kOtherCodec, AK::kFailed};
        f.exporter->answer(kKinds[random.below(7)]).rejected = random.below(3);
      }
      for (Settlement& s : f.step()) {
        if (s.kind == SK::kPutBack)
          backlog.push_front(std::move(s.batch));
        else
          ended += s.records.total();
      }
    }
    EXPECT_EQ(ended, offered);
    EXPECT_TRUE(f.exporter->under_way.empty() && backlog.empty());
  }
}

}  // namespace
}  // namespace forebay::ship
