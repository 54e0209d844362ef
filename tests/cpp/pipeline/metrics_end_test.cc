// The end of a pipeline that has points: what waits and what nobody has collected.
#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

// What points are written under, also those that the pipeline collects as it ends.
const model::Scope kScope{.id = 1, .name = "tests", .version = "", .attributes = {}};

// A counter of one series, and one collection of it.
class Counting {
 public:
  explicit Counting(MetricsIntake& intake) : intake_(intake) {
    metrics::InstrumentSpec spec;
    spec.name = "orders";
    spec.scope = &kScope;
    stream_ = intake.store().instrument(spec).streams[0].get();
    writer_ = intake.store().writers().lease();
  }
  void add() {
    writer_->enter();
    metrics::Series& series = *stream_->find({nullptr, 0});
    const uint32_t half = series.phase->load(std::memory_order_acquire) - 1;
    metrics::count(metrics::record(series, *writer_, half, int64_t{1}, 0), *writer_);
    writer_->leave();
  }
  void collect() {
    intake_.begin_flush(std::chrono::seconds{1});
    while (!intake_.is_flushed()) (void)intake_.step();
  }

 private:
  MetricsIntake& intake_;
  metrics::Stream* stream_ = nullptr;
  metrics::Writer* writer_ = nullptr;
};

TEST(MetricsEndTest, a_point_that_waits_is_not_superseded_by_one_that_comes_too_late_to_be_sent) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.metrics.emplace();
  TestPipeline pipeline(options, &clock);
  Counting orders(*pipeline->metrics());
  orders.add();
  orders.collect();
  EXPECT_EQ(pipeline["metrics.in_backlog"], 1);
  orders.add();
  EXPECT_FALSE(pipeline->shutdown(in(Duration::zero())));
  EXPECT_EQ(pipeline["metrics.emitted"], 2);
  EXPECT_EQ(pipeline["metrics.superseded"], 0);
  EXPECT_EQ(pipeline["metrics.dropped.shutdown"], 2);
}

TEST(MetricsEndTest, a_newer_point_supersedes_one_that_waits) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.metrics.emplace();
  TestPipeline pipeline(options, &clock);
  Counting orders(*pipeline->metrics());
  for (int i = 0; i < 3; ++i) {
    orders.add();
    orders.collect();
  }
  EXPECT_EQ(pipeline["metrics.superseded"], 2);
  EXPECT_EQ(pipeline["metrics.in_backlog"], 1);
}

}  // namespace
}  // namespace forebay::pipeline
