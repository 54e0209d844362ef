// Records of Forebay's own: they reach the destination in the lane's batches, and are in the ledger
// like any other.
#include "pipeline/internal_records.h"

#include "pipeline/arrivals.h"

namespace forebay::pipeline {
namespace {

// Adds the records that a test puts into `left`, one at a time.
class ListedSource final : public InternalSource {
 public:
  void collect(MonotonicTime /*now*/, bool final, InternalSink& sink) override {
    ++asked;
    asked_final += final ? 1 : 0;
    while (left != 0 && sink.add_internal(lane, record)) --left;
  }

  InternalRecord record;
  size_t lane = 0;
  int left = 0;
  int asked = 0;
  int asked_final = 0;
};

ListedSource summary_source() {
  ListedSource source;
  source.record.kind = "suppressed";
  source.record.severity = model::kWarn;
  source.record.body = "7 records suppressed";
  source.record.attributes = {{"forebay.suppressed.by", model::OwnedValue::text("lane")}};
  return source;
}

TEST(InternalRecordsTest, one_arrives_with_its_kind_and_is_counted_internal_and_delivered) {
  ManualClock clock;
  ListedSource source = summary_source();
  TestPipeline pipeline(options_of({lane_of("only", 64)}), &clock);
  source.left = 1;
  pipeline->add_internal_source(source, seconds{1});
  step_all(pipeline);
  EXPECT_EQ(pipeline["internal"], 1);
  EXPECT_EQ(pipeline["emitted"], 0);
  EXPECT_EQ(pipeline["delivered"], 1);
  EXPECT_EQ(pipeline["by_severity.warn.delivered"], 1);
  const std::vector<ArrivedRecord> records = arrived_at(*pipeline.destination);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].scope, "forebay");
  EXPECT_EQ(records[0].severity, 13u);
  EXPECT_EQ(records[0].severity_text, "WARN");
  EXPECT_EQ(records[0].body, "str:7 records suppressed");
  EXPECT_EQ(records[0].time, static_cast<uint64_t>(clock.wall_now().time_since_epoch().count()));
  EXPECT_EQ(records[0].attributes, (wire::Attributes{{"forebay.internal", "str:suppressed"},
                                                     {"forebay.suppressed.by", "str:lane"}}));
}

TEST(InternalRecordsTest, one_may_have_no_body_a_time_and_a_scope_of_its_own) {
  ManualClock clock;
  ListedSource source;
  TestPipeline pipeline(options_of({lane_of("only", 64)}), &clock);
  source.record.kind = "remainder";
  source.record.scope = model::SiteRegistry::process().intern_scope("a.logger", "1", {}).id;
  source.record.time = WallTime{Duration{17}};
  source.left = 1;
  pipeline->add_internal_source(source, seconds{1});
  step_all(pipeline);
  const std::vector<ArrivedRecord> records = arrived_at(*pipeline.destination);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].scope, "a.logger");
  EXPECT_EQ(records[0].body, "none");
  EXPECT_EQ(records[0].time, 17u);
}

TEST(InternalRecordsTest, a_source_is_asked_once_an_interval_and_in_each_round_of_a_flush) {
  ManualClock clock;
  ListedSource source = summary_source();
  TestPipeline pipeline(options_of({lane_of("only", 64)}), &clock);
  pipeline->add_internal_source(source, seconds{1});
  for (int i = 0; i < 25; ++i) {
    pipeline->intake().step(false);
    clock.advance(milliseconds{100});
  }
  EXPECT_EQ(source.asked, 2);
  EXPECT_EQ(source.asked_final, 0);
  pipeline->intake().begin_flush();
  pipeline->intake().step(true);
  EXPECT_EQ(source.asked_final, 1);
}

TEST(InternalRecordsTest, those_of_a_flush_are_in_the_batches_that_it_waits_for) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 64)});
  options.batch.max_records = 3;
  ListedSource source = summary_source();
  source.left = 10;
  TestPipeline pipeline(options, &clock);
  pipeline->add_internal_source(source, seconds{100});
  Emitter emitter(*pipeline);
  emitter.emit(1);
  pipeline->intake().begin_flush();
  for (int i = 0; i < 3 && !pipeline->intake().is_flushed(); ++i) pipeline->intake().step(true);
  ASSERT_TRUE(pipeline->intake().is_flushed());
  EXPECT_EQ(pipeline["batched"], 11);
  EXPECT_EQ(pipeline->intake().last_batch(), 4u);
}

TEST(InternalRecordsTest, where_the_backlog_holds_a_lane_the_rest_waits_and_the_flush_with_it) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 64)});
  options.backlog_max_bytes = 64u << 10;
  options.batch.max_records = 2;
  ListedSource source = summary_source();
  source.left = 10;
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  const std::string body(4000, 'x');
  while (!pipeline->intake().step(true).is_held) emitter.emit(1, 0, body);
  pipeline->add_internal_source(source, seconds{100});
  pipeline->intake().begin_flush();
  pipeline->intake().step(true);
  // One batch of them is built beside the one that waits, and no more.
  EXPECT_EQ(source.left, 8);
  EXPECT_EQ(pipeline["internal"], 2);
  EXPECT_FALSE(pipeline->intake().is_flushed());
  EXPECT_TRUE(pipeline->audit().balanced);
  pipeline.destination->change(Destination::Mood::kTakes);
  for (int i = 0; i < 100 && !pipeline->intake().is_flushed(); ++i) {
    clock.advance(milliseconds{100});
    step_all(pipeline);
  }
  EXPECT_TRUE(pipeline->intake().is_flushed());
  EXPECT_EQ(source.left, 0);
  EXPECT_EQ(pipeline["internal"], 10);
}

TEST(InternalRecordsTest, what_is_left_at_the_end_is_told_and_counted_as_lost_in_the_shutdown) {
  ManualClock clock;
  ListedSource source = summary_source();
  TestPipeline pipeline(options_of({lane_of("only", 64)}), &clock);
  source.left = 5;
  pipeline->add_internal_source(source, seconds{1});
  pipeline->shutdown(in(Duration::zero()));
  EXPECT_EQ(source.left, 0);
  EXPECT_EQ(pipeline["internal"], 5);
  EXPECT_EQ(pipeline["dropped.shutdown"], 5);
}

TEST(InternalRecordsTest, with_threads_the_shutdown_sends_what_is_left) {
  ListedSource source = summary_source();
  TestPipeline pipeline(options_of({lane_of("only", 64)}));
  source.left = 5;
  pipeline->add_internal_source(source, seconds{3600});
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  EXPECT_TRUE(pipeline->shutdown(in(seconds{30})));
  EXPECT_EQ(pipeline["internal"], 5);
  EXPECT_EQ(pipeline["delivered"], 5);
}

}  // namespace
}  // namespace forebay::pipeline
