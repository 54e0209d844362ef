// The pipeline without threads: a test steps it and moves the clock.
#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

TEST(PassivePipelineTest, a_batch_is_finished_by_count) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.batch.max_records = 3;
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 7; ++n) emitter.emit(n);
  clock.advance(Intake::kLinger * 2);
  EXPECT_EQ(pipeline->intake().step(false).batches, 2u);
  EXPECT_EQ(pipeline["batched"], 6);
  EXPECT_EQ(pipeline["in_batch"], 1);
}

TEST(PassivePipelineTest, a_batch_is_finished_by_bytes_and_the_record_that_crosses_belongs_to_it) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.batch.max_bytes = 1024;
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  const std::string body(600, 'x');
  for (int64_t n = 1; n <= 3; ++n) emitter.emit(n, 0, body);
  clock.advance(Intake::kLinger * 2);
  EXPECT_EQ(pipeline->intake().step(false).batches, 1u);
  EXPECT_EQ(pipeline["batched"], 2);
  EXPECT_EQ(pipeline["in_batch"], 1);
}

TEST(PassivePipelineTest, a_batch_is_finished_by_age_and_not_before) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.batch.max_delay = seconds{1};
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  clock.advance(Intake::kLinger * 2);
  EXPECT_EQ(pipeline->intake().step(false).batches, 0u);
  ASSERT_TRUE(pipeline->intake().next_due().has_value());
  EXPECT_EQ(*pipeline->intake().next_due(), clock.now() + seconds{1});
  clock.advance(seconds{1} - Duration{1});
  EXPECT_EQ(pipeline->intake().step(false).batches, 0u);
  clock.advance(Duration{1});
  EXPECT_EQ(pipeline->intake().step(false).batches, 1u);
  EXPECT_FALSE(pipeline->intake().next_due().has_value());
}

TEST(PassivePipelineTest, an_open_run_is_left_to_its_thread_for_the_linger_time) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("only", 256)}), &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  EXPECT_EQ(pipeline->intake().step(false).records, 0u);
  clock.advance(Intake::kLinger);
  EXPECT_EQ(pipeline->intake().step(false).records, 1u);
}

// Fills backlog and queue of a lane whose destination is away; returns the first answer that was
// not "accepted".
Admission fill(TestPipeline& pipeline, Emitter& emitter, int64_t& number) {
  const std::string body(1000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    const Admission admission = emitter.emit(++number, 0, body);
    if (admission != Admission::kAccepted && i > 1000) return admission;
    pipeline->intake().step(true);
  }
  return Admission::kAccepted;
}

PipelineOptions small_backlog(backlog::OnBacklogFull on_full) {
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.backlog_max_bytes = 64u << 10;
  options.batch.max_records = 8;
  options.lanes[0].backlog.on_full = on_full;
  return options;
}

TEST(PassivePipelineTest, hold_stops_the_draining_and_emit_sees_a_full_lane) {
  ManualClock clock;
  TestPipeline pipeline(small_backlog(backlog::OnBacklogFull::kHold), &clock);
  pipeline.destination->change(Destination::Mood::kSilent);
  Emitter emitter(*pipeline);
  int64_t number = 0;
  EXPECT_EQ(fill(pipeline, emitter, number), Admission::kDroppedNewest);
  EXPECT_TRUE(pipeline->intake().step(true).is_held);
  EXPECT_EQ(pipeline["dropped.backlog_full"], 0);
  EXPECT_GT(pipeline["dropped.queue_full_newest"], 0);
  EXPECT_LE(pipeline->books().backlog_bytes(), 64u << 10);
  // The destination comes back: what was accepted arrives, in order, nothing missing.
  pipeline.destination->change(Destination::Mood::kTakes);
  const int64_t accepted = pipeline["emitted"] - pipeline["dropped"];
  for (int i = 0; i < 1000 && pipeline["held"] != 0; ++i) step_all(pipeline);
  EXPECT_EQ(pipeline["delivered"], accepted);
  const std::vector<int64_t> taken = pipeline.destination->taken();
  EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
}

TEST(PassivePipelineTest, a_flush_ends_though_the_backlog_is_always_full) {
  ManualClock clock;
  TestPipeline pipeline(small_backlog(backlog::OnBacklogFull::kHold), &clock);
  Emitter emitter(*pipeline);
  int64_t number = 0;
  (void)fill(pipeline, emitter, number);
  ASSERT_TRUE(pipeline->intake().step(true).is_held);
  const int64_t there = pipeline["held"];
  pipeline->intake().begin_flush();
  for (int i = 0; i < 2000 && !pipeline->intake().is_flushed(); ++i) {
    while (emitter.emit(++number) == Admission::kAccepted) {
    }
    pipeline->delivery().step(Duration::zero());
    pipeline->intake().step(true);
  }
  EXPECT_TRUE(pipeline->intake().is_flushed());
  // Not much more than what was there: who goes on emitting is not waited for.
  EXPECT_LE(pipeline["delivered"], 2 * there);
  for (int i = 0; i < 1000 && pipeline["held"] != 0; ++i) step_all(pipeline);
  EXPECT_EQ(pipeline["held"], 0);
}

TEST(PassivePipelineTest, evict_oldest_lets_the_oldest_batches_go_and_emit_goes_on) {
  ManualClock clock;
  TestPipeline pipeline(small_backlog(backlog::OnBacklogFull::kEvictOldest), &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  int64_t number = 0;
  EXPECT_EQ(fill(pipeline, emitter, number), Admission::kAccepted);
  const int64_t dropped = pipeline["dropped.backlog_full"];
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(pipeline["dropped"], dropped);
  pipeline.destination->change(Destination::Mood::kTakes);
  for (int i = 0; i < 1000 && pipeline["held"] != 0; ++i) step_all(pipeline);
  const std::vector<int64_t> taken = pipeline.destination->taken();
  ASSERT_EQ(static_cast<int64_t>(taken.size()), number - dropped);
  // The oldest went: what is left is the end of the row.
  EXPECT_EQ(taken.front(), dropped + 1);
  EXPECT_EQ(taken.back(), number);
}

TEST(PassivePipelineTest, the_first_lane_is_sent_first) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("urgent", 64), lane_of("normal", 64)}), &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1, 1);
  emitter.emit(2, 0);
  step_all(pipeline);
  EXPECT_EQ(pipeline.destination->taken(), (std::vector<int64_t>{2, 1}));
}

TEST(PassivePipelineTest, a_record_that_is_too_old_in_the_queue_is_expired) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.lanes[0].backlog.max_age = seconds{5};
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1, 0, {}, 0, 17);
  clock.advance(seconds{5} + Duration{1});
  emitter.emit(2);
  step_all(pipeline);
  EXPECT_EQ(pipeline["expired"], 1);
  EXPECT_EQ(pipeline["by_severity.error.expired"], 1);
  EXPECT_EQ(pipeline["delivered"], 1);
}

TEST(PassivePipelineTest, a_batch_that_gets_too_old_in_the_backlog_is_expired) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.lanes[0].backlog.max_age = seconds{5};
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  step_all(pipeline);
  EXPECT_EQ(pipeline["in_backlog"], 1);
  clock.advance(seconds{6});
  step_all(pipeline);
  EXPECT_EQ(pipeline["expired"], 1);
}

TEST(PassivePipelineTest, a_record_may_take_a_quarter_of_its_lane_and_comes_out_whole) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("only", 1024)}), &clock);
  Emitter emitter(*pipeline);
  const uint64_t largest = pipeline->lanes()[0].queue->largest_record();
  EXPECT_EQ(largest, 1024u * queue::kSlotBytes / 4);
  const std::string body(largest - 200, 'y');
  EXPECT_EQ(emitter.emit(1, 0, body), Admission::kAccepted);
  step_all(pipeline);
  ASSERT_EQ(pipeline.destination->taken_batches().size(), 1u);
  const EncodedBatch batch = pipeline.destination->taken_batches()[0];
  EXPECT_NE(as_text(batch.body->view()).find(body), std::string_view::npos);
}

TEST(PassivePipelineTest, shutdown_names_all_that_is_left) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.batch.max_records = 2;
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kSilent);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 5; ++n) emitter.emit(n);
  clock.advance(Intake::kLinger * 2);
  pipeline->intake().step(false);
  pipeline->delivery().step(Duration::zero());
  emitter.emit(6);
  EXPECT_EQ(pipeline["in_flight"], 2);
  EXPECT_EQ(pipeline["in_backlog"], 2);
  EXPECT_EQ(pipeline["in_batch"], 1);
  EXPECT_EQ(pipeline["in_queue"], 1);
  EXPECT_FALSE(pipeline->shutdown(in(Duration::zero())));
  // The attempt under way may have arrived; the rest surely did not.
  EXPECT_EQ(pipeline["unknown"], 2);
  EXPECT_EQ(pipeline["dropped.shutdown"], 4);
  EXPECT_EQ(emitter.emit(7), Admission::kRefusedShutdown);
  EXPECT_EQ(pipeline["refused.shutdown"], 1);
}

TEST(PassivePipelineTest, memory_bytes_follows_what_is_inside) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("only", 1024)}), &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  const uint64_t empty = pipeline->memory_bytes();
  const std::string body(10'000, 'z');
  for (int64_t n = 1; n <= 5; ++n) emitter.emit(n, 0, body);
  const uint64_t queued = pipeline->memory_bytes();
  EXPECT_GE(queued, empty + 50'000);
  step_all(pipeline);
  EXPECT_GE(pipeline->memory_bytes(), empty + 50'000);
  EXPECT_GE(pipeline->books().backlog_bytes(), 50'000u);
  pipeline.destination->change(Destination::Mood::kTakes);
  clock.advance(seconds{1});
  step_all(pipeline);
  EXPECT_EQ(pipeline->books().backlog_bytes(), 0u);
}

}  // namespace
}  // namespace forebay::pipeline
