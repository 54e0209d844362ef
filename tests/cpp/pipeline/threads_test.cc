// The pipeline with its two threads, and with threads that emit at full speed.
#include <algorithm>

#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

// Emits numbers from `first` on until told to stop; says how far it is.
class PacedFlood {
 public:
  PacedFlood(Pipeline& pipeline, int64_t first)
      : first_(first), done_(first - 1), thread_([this, &pipeline] {
          Emitter emitter(pipeline);
          for (int64_t n = first_; !stop_.load(std::memory_order_relaxed); ++n) {
            while (emitter.emit(n) != Admission::kAccepted &&
                   !stop_.load(std::memory_order_relaxed)) {
              std::this_thread::yield();
            }
            done_.store(n, std::memory_order_release);
          }
        }) {}
  ~PacedFlood() { stop(); }
  void stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  // Every number up to this one was accepted (until stop() is called).
  [[nodiscard]] int64_t done() const { return done_.load(std::memory_order_acquire); }
  [[nodiscard]] int64_t first() const { return first_; }

 private:
  const int64_t first_;
  std::atomic<int64_t> done_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(PipelineThreadsTest, what_is_emitted_arrives_without_a_flush) {
  PipelineOptions options = options_of({lane_of("only", 1024)});
  options.batch.max_delay = milliseconds{5};
  TestPipeline pipeline(options);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 10; ++n) emitter.emit(n);
  EXPECT_TRUE(wait_until([&] { return pipeline.destination->taken().size() == 10; }));
}

TEST(PipelineThreadsTest, flush_waits_for_what_was_emitted_before_it_while_others_emit) {
  PipelineOptions options = options_of({lane_of("only", 512)});
  options.batch.max_records = 100;
  options.backlog_max_bytes = 64u << 10;  // or each flush waits for all that lies before it
  TestPipeline pipeline(options);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  constexpr int64_t kApart = 1'000'000'000;
  PacedFlood a(*pipeline, 1);
  PacedFlood b(*pipeline, kApart);
  ASSERT_TRUE(wait_until([&] { return a.done() > 0 && b.done() > kApart; }));
  size_t seen = 0;
  int64_t newest_a = 0;
  int64_t newest_b = kApart - 1;
  for (int round = 0; round < 50; ++round) {
    const int64_t before_a = a.done();
    const int64_t before_b = b.done();
    ASSERT_TRUE(pipeline->flush(in(seconds{60}))) << "round " << round;
    // Nothing is dropped or retried, so each thread's numbers come in a row.
    for (const int64_t n : pipeline.destination->taken(seen)) {
      int64_t& newest = n >= kApart ? newest_b : newest_a;
      ASSERT_EQ(n, newest + 1);
      newest = n;
      ++seen;
    }
    ASSERT_GE(newest_a, before_a) << "flush came back too soon in round " << round;
    ASSERT_GE(newest_b, before_b) << "flush came back too soon in round " << round;
  }
  a.stop();
  b.stop();
}

TEST(PipelineThreadsTest, flush_does_not_wait_for_what_comes_after_it) {
  // Threads that never pause would keep it for ever.
  TestPipeline pipeline(options_of({lane_of("only", 4096)}));
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  PacedFlood flood(*pipeline, 1);
  ASSERT_TRUE(wait_until([&] { return flood.done() > 1000; }));
  EXPECT_TRUE(pipeline->flush(in(seconds{30})));
  const int64_t after = flood.done();
  EXPECT_TRUE(wait_until([&] { return flood.done() > after; })) << "the others stood still";
}

TEST(PipelineThreadsTest, flush_gives_up_at_its_deadline) {
  TestPipeline pipeline(options_of({lane_of("only", 64)}));
  pipeline.destination->change(Destination::Mood::kUnavailable);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  emitter.emit(1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(pipeline->flush(begin + milliseconds{100}));
  EXPECT_GE(std::chrono::steady_clock::now(), begin + milliseconds{100});
  EXPECT_LT(std::chrono::steady_clock::now(), begin + seconds{20});
  EXPECT_EQ(pipeline["held"], 1);
  pipeline.destination->change(Destination::Mood::kTakes);
  EXPECT_TRUE(pipeline->flush(in(seconds{60})));
}

TEST(PipelineThreadsTest, flush_comes_back_where_there_is_no_thread_to_do_it) {
  TestPipeline pipeline(options_of({lane_of("only", 64)}));
  Emitter emitter(*pipeline);
  emitter.emit(1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(pipeline->flush(begin + seconds{5}));
  EXPECT_LT(std::chrono::steady_clock::now(), begin + seconds{5}) << "nobody would have come";
}

TEST(PipelineThreadsTest, shutdown_with_a_silent_destination_keeps_its_deadline_and_names_all) {
  TestPipeline pipeline(options_of({lane_of("only", 4096)}));
  pipeline.destination->change(Destination::Mood::kSilent);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 1000; ++n) emitter.emit(n);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(pipeline->shutdown(begin + milliseconds{200}));
  EXPECT_LT(std::chrono::steady_clock::now(), begin + seconds{20});
  EXPECT_EQ(pipeline["emitted"], 1000);
  EXPECT_EQ(pipeline["dropped"] + pipeline["unknown"], 1000);
  EXPECT_GT(pipeline["unknown"], 0);
}

TEST(PipelineThreadsTest, shutdown_loses_nothing_where_there_is_time) {
  TestPipeline pipeline(options_of({lane_of("only", 4096, Kind::kBlock)}));
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Emitter emitter(*pipeline);
      for (int64_t n = 1; n <= 20'000; ++n) emitter.emit(t * 1'000'000 + n);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(pipeline->shutdown(in(seconds{60})));
  EXPECT_EQ(pipeline["delivered"], 80'000);
  EXPECT_EQ(pipeline.destination->taken().size(), 80'000u);
}

TEST(PipelineThreadsTest, shutdown_wakes_threads_that_wait_for_room) {
  TestPipeline pipeline(options_of({lane_of("only", 64, Kind::kBlock)}));
  pipeline.destination->change(Destination::Mood::kSilent);
  // No threads: nobody ever makes room.
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      Emitter emitter(*pipeline);
      int64_t n = 1;
      while (emitter.emit(n) == Admission::kAccepted) ++n;
      ++refused;
    });
  }
  ASSERT_TRUE(wait_until([&] { return pipeline->lanes()[0].queue->waiters() == 3; }));
  pipeline->shutdown(in(Duration::zero()));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused.load(), 3);
  EXPECT_EQ(pipeline["refused.shutdown"], 3);
}

TEST(PipelineThreadsTest, an_audit_while_threads_emit_is_not_exact_and_finds_no_difference) {
  TestPipeline pipeline(options_of({lane_of("a", 4096), lane_of("b", 64)}));
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  PacedFlood flood(*pipeline, 1);
  ASSERT_TRUE(wait_until([&] { return flood.done() > 0; }));
  int inexact = 0;
  for (int round = 0; round < 200 || (inexact == 0 && round < 100'000); ++round) {
    const Audit audit = pipeline->audit();
    ASSERT_TRUE(audit.balanced) << "off by " << audit.difference << " in round " << round;
    if (!audit.exact) ++inexact;
  }
  EXPECT_GT(inexact, 0);
  flood.stop();
  const Audit at_rest = pipeline->audit();
  EXPECT_TRUE(at_rest.exact);
  EXPECT_TRUE(at_rest.balanced);
}

TEST(PipelineThreadsTest, a_thread_that_waits_for_room_does_not_unbalance_an_audit) {
  TestPipeline pipeline(options_of({lane_of("only", 64, Kind::kBlock)}));
  std::thread waiting([&] {
    Emitter emitter(*pipeline);
    int64_t n = 1;
    while (emitter.emit(n) == Admission::kAccepted) ++n;
  });
  ASSERT_TRUE(wait_until([&] { return pipeline->lanes()[0].queue->waiters() == 1; }));
  // Its record is emitted, and not in the queue yet.
  const Audit audit = pipeline->audit();
  EXPECT_FALSE(audit.exact);
  EXPECT_TRUE(audit.balanced) << "off by " << audit.difference;
  pipeline->shutdown(in(Duration::zero()));
  waiting.join();
}

TEST(PipelineThreadsTest, a_forked_child_can_leave_a_pipeline_behind_that_has_ended) {
  TestPipeline pipeline(options_of({lane_of("only", 64)}));
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  EXPECT_TRUE(pipeline->shutdown(in(seconds{30})));
  EXPECT_EXIT(
      {
        pipeline->abandon_in_child();
        _exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace forebay::pipeline
