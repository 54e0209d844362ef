// What was lost is told by the first record of the next batch, and can be summed at the receiver.
#include "pipeline/gap_records.h"

#include <map>
#include <thread>
#include <utility>

#include "pipeline/arrivals.h"

namespace forebay::pipeline {
namespace {

LaneOptions telling_lane(std::string name, uint32_t slots, Kind on_full = Kind::kDropNewest) {
  LaneOptions lane = lane_of(std::move(name), slots, on_full);
  lane.gap_records = true;
  return lane;
}

bool is_gap(const ArrivedRecord& record) {
  const auto kind = record.attributes.find("forebay.internal");
  return kind != record.attributes.end() && kind->second == "str:gap";
}

int64_t number_of(const ArrivedRecord& record, const std::string& key) {
  const auto found = record.attributes.find(key);
  return found == record.attributes.end() ? 0 : std::stoll(found->second.substr(4));
}

// A receiver's sum: what came from users, and what the newest gap record of each lane tells.
struct Sum {
  int64_t records = 0;
  int64_t gaps = 0;
  std::map<std::string, int64_t> lost;
  std::map<std::string, int64_t> refused;
  [[nodiscard]] int64_t total() const {
    int64_t sum = records;
    for (const auto& [lane, n] : lost) sum += n;
    for (const auto& [lane, n] : refused) sum += n;
    return sum;
  }
};

Sum sum_of(TestPipeline& pipeline) {
  Sum sum;
  for (const ArrivedRecord& record : arrived_at(*pipeline.destination)) {
    if (!is_gap(record)) {
      ++sum.records;
      continue;
    }
    ++sum.gaps;
    const std::string lane = record.attributes.at("forebay.lane");
    sum.lost[lane] = number_of(record, "forebay.lost.total");
    sum.refused[lane] = number_of(record, "forebay.refused.total");
  }
  return sum;
}

uint64_t unix_ns(const Clock& clock) {
  return static_cast<uint64_t>(clock.wall_now().time_since_epoch().count());
}

TEST(GapRecordsTest, a_batch_after_a_loss_begins_with_how_many_why_and_when) {
  ManualClock clock;
  TestPipeline pipeline(options_of({telling_lane("only", 8)}), &clock);
  pipeline->intake().step(false);
  const uint64_t before = unix_ns(clock);
  clock.advance(milliseconds{5});
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 30; ++n) emitter.emit(n);
  const int64_t dropped = pipeline["dropped.queue_full_newest"];
  ASSERT_GT(dropped, 0);
  step_all(pipeline);
  const std::vector<EncodedBatch> batches = pipeline.destination->taken_batches();
  ASSERT_EQ(batches.size(), 1u);
  const std::vector<ArrivedRecord> records = records_of(batches[0]);
  ASSERT_TRUE(is_gap(records[0]));
  EXPECT_EQ(records[0].scope, "forebay");
  EXPECT_EQ(records[0].severity_text, "WARN");
  EXPECT_EQ(records[0].body, "str:" + std::to_string(dropped) + " records lost");
  EXPECT_EQ(records[0].attributes,
            (wire::Attributes{{"forebay.internal", "str:gap"},
                              {"forebay.lane", "str:only"},
                              {"forebay.lost.total", "int:" + std::to_string(dropped)},
                              {"forebay.lost.queue_full_newest", "int:" + std::to_string(dropped)},
                              {"forebay.lost.since", "int:" + std::to_string(before)},
                              {"forebay.lost.until", "int:" + std::to_string(unix_ns(clock))}}));
  for (size_t i = 1; i < records.size(); ++i) EXPECT_FALSE(is_gap(records[i]));
  EXPECT_EQ(batches[0].records(), records.size());
  EXPECT_EQ(batches[0].internal, 1u);
  EXPECT_EQ(pipeline["internal"], 1);
  EXPECT_EQ(pipeline["delivered"], 31 - dropped);
}

TEST(GapRecordsTest, no_gap_record_where_nothing_new_was_lost) {
  ManualClock clock;
  TestPipeline pipeline(options_of({telling_lane("only", 8)}), &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 3; ++n) {
    emitter.emit(n);
    step_all(pipeline);
  }
  EXPECT_EQ(pipeline["internal"], 0);
  for (int64_t n = 4; n <= 30; ++n) emitter.emit(n);
  for (int64_t n = 31; n <= 33; ++n) {
    step_all(pipeline);
    emitter.emit(n);
  }
  EXPECT_EQ(pipeline["internal"], 1);
}

TEST(GapRecordsTest, none_where_they_are_switched_off) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("only", 8)}), &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 30; ++n) emitter.emit(n);
  step_all(pipeline);
  EXPECT_GT(pipeline["dropped"], 0);
  EXPECT_EQ(pipeline["internal"], 0);
}

TEST(GapRecordsTest, a_lane_tells_of_its_own_losses_alone) {
  ManualClock clock;
  TestPipeline pipeline(options_of({telling_lane("first", 8), telling_lane("second", 8)}), &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 30; ++n) emitter.emit(n, 1);
  emitter.emit(31, 0);
  step_all(pipeline);
  const Sum sum = sum_of(pipeline);
  EXPECT_EQ(sum.gaps, 1);
  EXPECT_EQ(sum.total(), 31);
  EXPECT_EQ(sum.lost.count("str:second"), 1u);
}

TEST(GapRecordsTest, refusals_are_told_apart) {
  ManualClock clock;
  TestPipeline pipeline(options_of({telling_lane("only", 8, Kind::kFail)}), &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 30; ++n) emitter.emit(n);
  step_all(pipeline);
  const std::vector<ArrivedRecord> records = arrived_at(*pipeline.destination);
  ASSERT_TRUE(is_gap(records[0]));
  const int64_t refused = pipeline["refused.queue_full"];
  EXPECT_EQ(records[0].body, "str:" + std::to_string(refused) + " records refused");
  EXPECT_EQ(number_of(records[0], "forebay.lost.total"), 0);
  EXPECT_EQ(number_of(records[0], "forebay.refused.total"), refused);
  EXPECT_EQ(number_of(records[0], "forebay.refused.queue_full"), refused);
}

TEST(GapRecordsTest, losses_on_the_route_are_told_by_their_reasons) {
  ManualClock clock;
  PipelineOptions options = options_of({telling_lane("only", 256)});
  options.retry.max_elapsed = seconds{5};
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  emitter.emit(2);
  pipeline.destination->change(Destination::Mood::kRejects);
  step_all(pipeline);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  emitter.emit(3);
  step_all(pipeline);
  clock.advance(seconds{6});
  for (int i = 0; i < 4; ++i) pipeline->delivery().step(Duration::zero());
  ASSERT_EQ(pipeline["dropped.retry_exhausted"], 2);  // the record, and the gap record before it
  pipeline.destination->change(Destination::Mood::kTakes);
  clock.advance(seconds{1});
  emitter.emit(4);
  step_all(pipeline);
  const std::vector<ArrivedRecord> records = arrived_at(*pipeline.destination);
  ASSERT_EQ(records.size(), 2u);
  ASSERT_TRUE(is_gap(records[0]));
  // The first gap record, which told of the rejected ones, was lost: this one tells of all.
  EXPECT_EQ(number_of(records[0], "forebay.lost.total"), 3);
  EXPECT_EQ(number_of(records[0], "forebay.lost.rejected.bad_request"), 2);
  EXPECT_EQ(number_of(records[0], "forebay.lost.retry_exhausted"), 1);
  EXPECT_EQ(sum_of(pipeline).total(), pipeline["emitted"]);
}

TEST(GapRecordsTest, the_receiver_s_sum_is_what_was_emitted_also_when_gap_records_are_lost) {
  ManualClock clock;
  PipelineOptions options = options_of({telling_lane("only", 64)});
  options.backlog_max_bytes = 64u << 10;
  options.batch.max_records = 8;
  options.lanes[0].backlog.on_full = backlog::OnBacklogFull::kEvictOldest;
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  const std::string body(1000, 'x');
  int64_t number = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 20; ++i) emitter.emit(++number, 0, body);
    pipeline->intake().step(true);
    clock.advance(milliseconds{20});
  }
  EXPECT_GT(pipeline["dropped.backlog_full"], 0);
  EXPECT_GT(pipeline["dropped.queue_full_newest"], 0);
  const int64_t told = pipeline["internal"];
  EXPECT_GT(told, 10);
  pipeline.destination->change(Destination::Mood::kTakes);
  for (int i = 0; i < 100 && pipeline["held"] != 0; ++i) {
    clock.advance(seconds{1});
    step_all(pipeline);
  }
  emitter.emit(++number);
  step_all(pipeline);
  const Sum sum = sum_of(pipeline);
  EXPECT_LT(sum.gaps, told);  // some of them went with the batches that they began
  EXPECT_GT(sum.gaps, 0);
  EXPECT_EQ(sum.total(), number);
}

// Something of Forebay's own in each batch, so that a batch may hold nothing else.
class Ticking final : public InternalSource {
 public:
  void collect(MonotonicTime /*now*/, bool /*final*/, InternalSink& sink) override {
    InternalRecord record;
    record.kind = "suppressed";
    if (is_on) sink.add_internal(0, record);
  }
  bool is_on = true;
};

TEST(GapRecordsTest, the_loss_of_a_gap_record_makes_no_new_one) {
  ManualClock clock;
  Ticking source;
  TestPipeline pipeline(options_of({telling_lane("only", 64)}), &clock);
  pipeline->add_internal_source(source, seconds{1});
  pipeline.destination->change(Destination::Mood::kRejects);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  step_all(pipeline);
  EXPECT_EQ(pipeline["rejected"], 2);
  for (int i = 0; i < 5; ++i) step_all(pipeline);
  // One gap record, of the one record that was emitted, and six of the source.
  EXPECT_EQ(pipeline["internal"], 7);
  EXPECT_EQ(pipeline["rejected"], 8);
  pipeline.destination->change(Destination::Mood::kTakes);
  source.is_on = false;
  emitter.emit(2);
  step_all(pipeline);
  EXPECT_EQ(sum_of(pipeline).gaps, 0);
  EXPECT_EQ(pipeline["internal"], 7);
}

TEST(GapRecordsTest, of_a_partial_success_what_was_emitted_counts_as_lost_first) {
  ManualClock clock;
  Ticking source;
  TestPipeline pipeline(options_of({telling_lane("only", 64)}), &clock);
  pipeline->add_internal_source(source, seconds{1});
  pipeline.destination->refused = 3;
  pipeline.destination->change(Destination::Mood::kTakesSome);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 2; ++n) emitter.emit(n);
  step_all(pipeline);
  EXPECT_EQ(pipeline["rejected.partial_success"], 3);
  EXPECT_EQ(pipeline->books().losses(0).lost(), 2u);
  pipeline.destination->refused = 1;
  for (int64_t n = 3; n <= 4; ++n) emitter.emit(n);
  step_all(pipeline);
  EXPECT_EQ(pipeline->books().losses(0).lost(), 3u);
}

TEST(GapRecordsTest, the_times_hold_the_losses_between_them_and_begin_anew_once_told) {
  GapRecords gaps(WallTime{Duration{100}});
  account::LaneLosses losses;
  const auto lose = [&](uint64_t records, int64_t at) {
    losses.emit[static_cast<size_t>(account::EmitName::kDroppedQueueFullNewest)] += records;
    gaps.look(losses, WallTime{Duration{at}});
  };
  const auto times = [&] {
    std::pair<int64_t, int64_t> found;
    for (const auto& attribute : gaps.record("a", losses).attributes) {
      if (attribute.key == "forebay.lost.since") found.first = attribute.value.i64;
      if (attribute.key == "forebay.lost.until") found.second = attribute.value.i64;
    }
    return found;
  };
  lose(0, 200);
  EXPECT_FALSE(gaps.has_news());
  lose(1, 300);
  lose(0, 400);
  lose(5, 500);
  lose(0, 600);
  EXPECT_TRUE(gaps.has_news());
  EXPECT_EQ(times(), std::pair(int64_t{200}, int64_t{500}));
  EXPECT_EQ(gaps.record("a", losses).body, "6 records lost");
  gaps.told();
  EXPECT_FALSE(gaps.has_news());
  lose(1, 700);
  EXPECT_EQ(times(), std::pair(int64_t{600}, int64_t{700}));
  EXPECT_EQ(gaps.record("a", losses).body, "1 record lost");
  // The wall clock is set back: still no interval that ends before it begins.
  lose(1, 50);
  EXPECT_EQ(times(), std::pair(int64_t{600}, int64_t{600}));
}

TEST(GapRecordsTest, what_was_refused_before_the_start_is_told_but_is_no_reason_to_tell) {
  GapRecords gaps(WallTime{Duration{100}});
  account::LaneLosses losses;
  losses.emit[static_cast<size_t>(account::EmitName::kRefusedNotStarted)] = 3;
  gaps.look(losses, WallTime{Duration{200}});
  EXPECT_FALSE(gaps.has_news());
  losses.emit[static_cast<size_t>(account::EmitName::kRefusedQueueFull)] = 2;
  gaps.look(losses, WallTime{Duration{300}});
  ASSERT_TRUE(gaps.has_news());
  const InternalRecord record = gaps.record("a", losses);
  EXPECT_EQ(record.body, "2 records refused");
  std::map<std::string, int64_t> numbers;
  for (const auto& attribute : record.attributes) numbers[attribute.key] = attribute.value.i64;
  EXPECT_EQ(numbers["forebay.refused.total"], 5);
  EXPECT_EQ(numbers["forebay.refused.not_started"], 3);
  EXPECT_EQ(numbers["forebay.refused.queue_full"], 2);
}

TEST(GapRecordsTest, with_threads_the_sum_is_what_was_emitted) {
  PipelineOptions options = options_of({telling_lane("only", 64, Kind::kDropOldest)});
  TestPipeline pipeline(options);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  constexpr int64_t kEach = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      Emitter emitter(*pipeline);
      for (int64_t n = 1; n <= kEach; ++n) emitter.emit(n);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(pipeline->flush(in(seconds{30})));
  Emitter emitter(*pipeline);
  emitter.emit(1);
  EXPECT_TRUE(pipeline->flush(in(seconds{30})));
  const Sum sum = sum_of(pipeline);
  EXPECT_GT(pipeline["dropped"], 0);
  EXPECT_EQ(sum.total(), 3 * kEach + 1);
}

}  // namespace
}  // namespace forebay::pipeline
