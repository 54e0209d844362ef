#include "pipeline/flight_recorder.h"

#include <gtest/gtest.h>

#include "record_maker.h"

namespace forebay::pipeline {
namespace {

using namespace std::chrono_literals;

class FlightRecorderTest : public ::testing::Test {
 protected:
  FlightRecorderTest()
      : ticks_(&clock_),
        recorder_(
            FlightRecorder::create({.min_severity = 5, .slots = 64, .window = 10s}, ticks_).take()),
        writer_(recorder_->attach()) {}
  ~FlightRecorderTest() override { recorder_->detach(writer_); }

  void record(uint32_t severity = 5) {
    recorder_->record(writer_, {.severity = severity, .flags = model::kRecorded});
  }
  // How many records a release gives; a tick is a nanosecond here.
  int release() {
    int records = 0;
    for (; recorder_->front(1.0) != nullptr; ++records) recorder_->pop();
    return records;
  }

  ManualClock clock_;
  const TickSource ticks_;
  std::unique_ptr<FlightRecorder> recorder_;
  FlightRecorder::Writer writer_;
};

TEST_F(FlightRecorderTest, nothing_is_released_until_somebody_asks) {
  record();
  EXPECT_FALSE(recorder_->is_asked());
  EXPECT_EQ(release(), 0);
  EXPECT_TRUE(recorder_->ask());
  EXPECT_FALSE(recorder_->ask()) << "the drain thread is on its way already";
  EXPECT_EQ(release(), 1);
  EXPECT_FALSE(recorder_->is_asked());
  record();
  EXPECT_EQ(release(), 0) << "one question, one release";
}

TEST_F(FlightRecorderTest, what_is_older_than_the_window_is_let_go) {
  record();
  clock_.advance(7s);
  record();
  clock_.advance(7s);
  record();
  recorder_->ask();
  EXPECT_EQ(release(), 2);
  EXPECT_EQ(recorder_->numbers().expired, 1u);
  EXPECT_EQ(recorder_->numbers().released, 2u);
}

TEST_F(FlightRecorderTest, of_two_that_ask_the_longer_window_holds) {
  record();
  clock_.advance(7s);
  recorder_->ask(1s);
  recorder_->ask(8s);
  recorder_->ask(2s);
  EXPECT_EQ(release(), 1);
}

TEST_F(FlightRecorderTest, its_numbers_add_up_also_after_the_end) {
  for (int i = 0; i < 1000; ++i) record();
  EXPECT_EQ(recorder_->numbers().held, 1000 - recorder_->numbers().overwritten);
  EXPECT_GE(recorder_->numbers().overwritten, 1000u - 64);
  recorder_->close();
  record();
  const FlightRecorder::Numbers numbers = recorder_->numbers();
  EXPECT_EQ(numbers.recorded, 1001u);
  EXPECT_EQ(numbers.held, 0u);
  EXPECT_EQ(numbers.recorded, numbers.overwritten + numbers.expired + numbers.released);
}

TEST_F(FlightRecorderTest, a_record_too_large_for_the_ring_is_counted_and_goes) {
  const std::string text(1u << 20, 'x');
  const forebay_value value = text_value(text);
  recorder_->record(writer_, {.values = &value, .value_count = 1, .severity = 5});
  EXPECT_EQ(recorder_->numbers().overwritten, 1u);
  EXPECT_EQ(recorder_->numbers().held, 0u);
}

}  // namespace
}  // namespace forebay::pipeline
