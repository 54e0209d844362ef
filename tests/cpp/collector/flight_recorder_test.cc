// The flight recorder: what is below the level is kept, and comes out when it is wanted.
#include <algorithm>
#include <thread>

#include "balanced.h"
#include "otlp_records.h"

namespace forebay {
namespace {

constexpr uint32_t kDebug = 5;
constexpr uint32_t kInfo = 9;
constexpr uint32_t kError = 17;
const std::string kMark = "forebay.flight_recorder";

class FlightRecorderTest : public BalancedTest {
 protected:
  forebay_collector* with_recorder(Api::Options more = {}) {
    more.emplace_back("recorder.level", int64_t{kDebug});
    collector_ = create(std::move(more));
    return collector_;
  }
  // What has arrived once all is flushed, in the order of their times.
  std::vector<wire::LogRecord> arrived() {
    EXPECT_TRUE(api.flush(collector_, 30));
    std::vector<wire::LogRecord> records = records_in(api.take(collector_));
    std::stable_sort(records.begin(), records.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    return records;
  }
  [[nodiscard]] int64_t number(std::string_view name) const { return api.stat(collector_, name); }
  // The recorder's own law.
  void expect_its_numbers_add_up() const {
    EXPECT_EQ(number("recorder.recorded"),
              number("recorder.overwritten") + number("recorder.expired") +
                  number("recorder.released") + number("recorder.held"));
  }

  forebay_collector* collector_ = nullptr;
};

TEST_F(FlightRecorderTest, nothing_below_the_level_is_sent_while_nothing_goes_wrong) {
  with_recorder();
  forebay_logger* logger = api.logger(collector_, "shop");
  EXPECT_EQ(api.emit(logger, api.site("began", kInfo)), FOREBAY_ACCEPTED);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(api.emit(logger, api.site("detail", kDebug)), FOREBAY_DISABLED);
  }
  EXPECT_EQ(arrived().size(), 1u);
  EXPECT_EQ(number("emitted"), 1);
  EXPECT_EQ(number("recorder.recorded"), 100);
  EXPECT_EQ(number("recorder.held"), 100);
  expect_its_numbers_add_up();
}

TEST_F(FlightRecorderTest, an_error_releases_what_came_before_it_marked_and_with_its_own_time) {
  with_recorder();
  forebay_logger* logger = api.logger(collector_, "shop");
  const forebay_site* detail = api.site("detail", kDebug, {"step"});
  for (int i = 0; i < 3; ++i) api.emit(logger, detail, {int_value(i)});
  EXPECT_EQ(api.emit(logger, api.site("failed", kError)), FOREBAY_ACCEPTED);
  const auto records = arrived();
  ASSERT_EQ(records.size(), 4u);
  for (int i = 0; i < 3; ++i) {
    const wire::LogRecord& record = records[static_cast<size_t>(i)];
    EXPECT_EQ(record.severity, kDebug);
    EXPECT_EQ(record.attributes.at("step"), "int:" + std::to_string(i));
    EXPECT_EQ(record.attributes.at(kMark), "bool:1");
    EXPECT_LT(record.time, records[3].time);
  }
  EXPECT_FALSE(records[3].attributes.contains(kMark));
  EXPECT_EQ(number("emitted"), 4);
  EXPECT_EQ(number("lanes.normal.emitted"), 3);
  EXPECT_EQ(number("recorder.released"), 3);
  EXPECT_EQ(number("recorder.held"), 0);
  expect_its_numbers_add_up();
}

TEST_F(FlightRecorderTest, what_is_below_its_own_level_is_not_recorded) {
  with_recorder();
  forebay_logger* logger = api.logger(collector_, "shop");
  api.emit(logger, api.site("trace", 1));
  api.emit(logger, api.site("detail", kDebug));
  api.emit(logger, api.site("failed", kError));
  EXPECT_EQ(arrived().size(), 2u);
  EXPECT_EQ(number("recorder.recorded"), 1);
}

TEST_F(FlightRecorderTest, the_ring_keeps_the_newest_and_counts_what_it_overwrote) {
  with_recorder({{"recorder.records", int64_t{256}}});
  forebay_logger* logger = api.logger(collector_, "shop");
  const forebay_site* detail = api.site("detail", kDebug, {"step"});
  constexpr int64_t kRecords = 10'000;
  for (int64_t i = 0; i < kRecords; ++i) api.emit(logger, detail, {int_value(i)});
  api.emit(logger, api.site("failed", kError));
  const auto records = arrived();
  // A run of slots at a time is overwritten, so up to one less than the ring has.
  ASSERT_GT(records.size(), 128u);
  ASSERT_LE(records.size(), 257u);
  const auto kept = static_cast<int64_t>(records.size()) - 1;
  for (int64_t i = 0; i < kept; ++i) {
    EXPECT_EQ(records[static_cast<size_t>(i)].attributes.at("step"),
              "int:" + std::to_string(kRecords - kept + i));
  }
  EXPECT_EQ(number("recorder.overwritten"), kRecords - kept);
  expect_its_numbers_add_up();
}

TEST_F(FlightRecorderTest, every_thread_keeps_its_own_and_one_error_releases_all) {
  with_recorder({{"recorder.records", int64_t{4096}}});
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      forebay_logger* logger = api.logger(collector_, "worker." + std::to_string(t));
      const forebay_site* detail = api.site("detail", kDebug, {"thread"});
      for (int i = 0; i < kEach; ++i) api.emit(logger, detail, {int_value(t)});
    });
  }
  for (std::thread& thread : threads) thread.join();
  api.emit(api.logger(collector_, "shop"), api.site("failed", kError));
  std::map<std::string, int> by_thread;
  for (const wire::LogRecord& record : arrived()) {
    if (record.attributes.contains("thread")) ++by_thread[record.attributes.at("thread")];
  }
  EXPECT_EQ(by_thread.size(), size_t{kThreads});
  for (const auto& [thread, records] : by_thread) EXPECT_EQ(records, kEach) << thread;
  expect_its_numbers_add_up();
}

TEST_F(FlightRecorderTest, a_release_waits_for_the_backlog_and_loses_nothing) {
  // The memory exporter takes one batch at a time out of a backlog that holds few.
  with_recorder({{"recorder.records", int64_t{1} << 16},
                 {"backlog.max_bytes", int64_t{64} << 10},
                 {"batch.max_records", int64_t{100}}});
  forebay_logger* logger = api.logger(collector_, "shop");
  const forebay_site* detail = api.site("detail", kDebug, {"step"});
  constexpr int kRecords = 20'000;
  for (int i = 0; i < kRecords; ++i) api.emit(logger, detail, {int_value(i)});
  api.emit(logger, api.site("failed", kError));
  EXPECT_EQ(arrived().size(), size_t{kRecords} + 1);
  expect_its_numbers_add_up();
}

TEST_F(FlightRecorderTest, without_a_recorder_there_is_nothing_to_dump) {
  collector_ = create();
  EXPECT_EQ(api.table->collector_dump_recorder(collector_, -1), FOREBAY_INVALID_ARGUMENT);
  EXPECT_EQ(number("recorder.recorded"), -1);
}

TEST_F(FlightRecorderTest, a_bad_option_is_refused_with_its_name) {
  const auto refusal = [this](Api::Options options) {
    std::string error;
    EXPECT_EQ(api.create(options, &error), nullptr);
    return error;
  };
  EXPECT_EQ(refusal({{"recorder.level", int64_t{25}}}).find("recorder.level: 25"), 0u);
  EXPECT_EQ(refusal({{"recorder.records", int64_t{10}}}).find("recorder.records: 10"), 0u);
  EXPECT_EQ(refusal({{"recorder.level", int64_t{9}}, {"recorder.trigger", int64_t{9}}})
                .find("recorder.trigger: 9 is not above level"),
            0u);
}

}  // namespace
}  // namespace forebay
