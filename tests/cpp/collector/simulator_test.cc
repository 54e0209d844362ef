#include "simulator.h"

#include <gtest/gtest.h>

#include <map>

#include "balanced.h"

namespace forebay {
namespace {

// The samples of a run, by time in milliseconds.
struct Samples {
  std::map<int64_t, std::map<std::string, int64_t, std::less<>>> by_ms;
  std::string error;
  int64_t now = 0;

  static void number(void* context, const char* name, size_t size, int64_t value) {
    auto* samples = static_cast<Samples*>(context);
    const std::string_view text(name, size);
    if (text == "time_ns") samples->now = value / 1'000'000;
    samples->by_ms[samples->now].insert_or_assign(std::string(text), value);
  }
  [[nodiscard]] int64_t last(std::string_view name) const {
    const auto& numbers = by_ms.rbegin()->second;
    const auto found = numbers.find(name);
    return found == numbers.end() ? -1 : found->second;
  }
};

class SimulatorTest : public ::testing::Test {
 protected:
  static Samples run(const Api::Options& options, const Api::Options& scenario) {
    const Api api;
    Samples samples;
    const auto given = spelled(options);
    const auto asked = spelled(scenario);
    const auto error = +[](void* context, const char* data, size_t size) {
      static_cast<Samples*>(context)->error.append(data, size);
    };
    const int32_t status = api.table->simulate(given.data(), given.size(), asked.data(),
                                               asked.size(), Samples::number, error, &samples);
    EXPECT_EQ(status == FOREBAY_OK, samples.error.empty()) << samples.error;
    return samples;
  }

 private:
  static std::vector<forebay_option> spelled(const Api::Options& options) {
    std::vector<forebay_option> given;
    for (const auto& [path, value] : options) given.push_back(Api::option(path, value));
    return given;
  }
};

TEST_F(SimulatorTest, a_destination_that_keeps_up_loses_nothing) {
  const Samples samples = run({}, {{"loads[0].rate", int64_t{2000}}, {"length", int64_t{5}}});
  EXPECT_EQ(samples.last("loads.0.emitted"), 10'000);
  EXPECT_EQ(samples.last("emitted"), 10'000);
  EXPECT_EQ(samples.last("delivered"), 10'000);
  EXPECT_EQ(samples.last("held"), 0);
  EXPECT_GE(samples.by_ms.size(), 6u);
}

TEST_F(SimulatorTest, an_outage_longer_than_the_room_loses_what_the_policy_says) {
  const Api::Options options = {{"lanes[0].name", std::string("only")},
                                {"lanes[0].queue_records", int64_t{4096}},
                                {"lanes[0].on_full[0]", std::string("drop_oldest")},
                                {"backlog.max_bytes", int64_t{64} << 10}};
  const Samples samples = run(options, {{"loads[0].rate", int64_t{5000}},
                                        {"length", int64_t{30}},
                                        {"outages[0].from", int64_t{5}},
                                        {"outages[0].length", int64_t{20}}});
  const int64_t lost = samples.last("dropped.queue_full_oldest");
  EXPECT_EQ(samples.last("emitted"), 150'000);
  EXPECT_GT(lost, 50'000);
  EXPECT_LT(lost, 125'000) << "more than what was emitted since the outage began";
  EXPECT_EQ(samples.last("dropped.queue_full_newest"), 0);
  EXPECT_EQ(samples.last("delivered") - samples.last("internal") + lost, 150'000);
}

TEST_F(SimulatorTest, a_lane_that_blocks_holds_its_producer_up_and_loses_nothing) {
  const Api::Options options = {{"lanes[0].name", std::string("only")},
                                {"lanes[0].queue_records", int64_t{4096}},
                                {"lanes[0].on_full[0]", std::string("block")},
                                {"backlog.max_bytes", int64_t{64} << 10}};
  const Samples samples = run(options, {{"loads[0].rate", int64_t{5000}},
                                        {"length", int64_t{10}},
                                        {"destination.rate", int64_t{1000}}});
  EXPECT_GT(samples.last("loads.0.waited_ms"), 1000);
  EXPECT_LT(samples.last("loads.0.emitted"), samples.last("loads.0.wanted"));
  EXPECT_EQ(samples.last("delivered"), samples.last("loads.0.emitted"));
  EXPECT_EQ(samples.last("dropped"), 0);
}

TEST_F(SimulatorTest, a_record_that_waited_its_time_goes_on_to_the_next_policy) {
  const Api::Options options = {{"lanes[0].name", std::string("only")},
                                {"lanes[0].queue_records", int64_t{4096}},
                                {"lanes[0].on_full[0]", std::string("block")},
                                {"lanes[0].on_full[0].timeout", 0.05},
                                {"lanes[0].on_full[0].on_event_loop", true},
                                {"lanes[0].on_full[1]", std::string("drop_newest")},
                                {"backlog.max_bytes", int64_t{64} << 10}};
  const Samples samples = run(options, {{"loads[0].rate", int64_t{5000}},
                                        {"length", int64_t{20}},
                                        {"outages[0].length", int64_t{20}}});
  // One thread that waits 50 ms for each record turns 20 a second away.
  const int64_t waited_ms = samples.last("loads.0.waited_ms");
  const int64_t lost = samples.last("dropped.queue_full_newest");
  EXPECT_GT(waited_ms, 10'000);
  EXPECT_NEAR(static_cast<double>(lost), static_cast<double>(waited_ms) / 50.0, 5.0);
  EXPECT_EQ(samples.last("loads.0.waiting"), 1) << "it stood there when the load ended";
  EXPECT_EQ(samples.last("delivered") - samples.last("internal") + lost, samples.last("emitted"));
}

TEST_F(SimulatorTest, peaks_between_two_samples_are_seen) {
  const Api::Options options = {{"lanes[0].name", std::string("first")},
                                {"lanes[0].min_level", int64_t{17}},
                                {"lanes[1].name", std::string("second")},
                                {"lanes[1].queue_records", int64_t{4096}},
                                {"backlog.max_bytes", int64_t{64} << 10}};
  // Begins full, and is empty long before the only sample between beginning and end.
  const Samples samples = run(options, {{"loads[0].rate", int64_t{5000}},
                                        {"length", int64_t{60}},
                                        {"outages[0].length", int64_t{10}},
                                        {"sample_every", int64_t{50}}});
  ASSERT_TRUE(samples.by_ms.contains(50'000));
  const auto& sample = samples.by_ms.at(50'000);
  EXPECT_EQ(sample.at("lanes.second.slots"), 4096);
  EXPECT_GT(sample.at("lanes.second.peak_slots"), 4050);
  EXPECT_GT(sample.at("lanes.second.room"), 3000);
  EXPECT_EQ(sample.at("lanes.first.peak_slots"), 0);
  EXPECT_EQ(sample.at("backlog.max_bytes"), 64 << 10);
  EXPECT_GT(sample.at("backlog.peak_bytes"), 50 << 10);
  EXPECT_LT(sample.at("backlog.bytes"), 32 << 10);
  EXPECT_EQ(sample.at("loads.0.lane"), 1);
}

TEST_F(SimulatorTest, an_outage_of_one_exporter_leaves_the_other_to_stand_in) {
  const Api::Options options = {{"routes[0].name", std::string("main")},
                                {"routes[0].exporters[0].type", std::string("otlp_http")},
                                {"routes[0].exporters[1].type", std::string("otlp_http")},
                                {"lanes[0].name", std::string("only")},
                                {"lanes[0].queue_records", int64_t{4096}},
                                {"backlog.max_bytes", int64_t{64} << 10}};
  Api::Options scenario = {{"loads[0].rate", int64_t{2000}},
                           {"length", int64_t{60}},
                           {"outages[0].length", int64_t{60}},
                           {"outages[0].route", std::string("main")}};
  const int64_t with_both_away = run(options, scenario).last("dropped");
  scenario.emplace_back("outages[0].exporter", int64_t{0});
  const Samples samples = run(options, scenario);
  EXPECT_GT(with_both_away, 50'000);
  EXPECT_LT(samples.last("dropped"), with_both_away / 2);
  EXPECT_EQ(samples.last("routes.main.destinations.0.delivered"), 0);
  EXPECT_EQ(samples.last("routes.main.destinations.1.delivered"), samples.last("delivered"));
}

TEST_F(SimulatorTest, the_same_scenario_gives_the_same_numbers) {
  const Api::Options scenario = {{"loads[0].rate", int64_t{1000}},
                                 {"length", int64_t{3}},
                                 {"outages[0].from", int64_t{1}},
                                 {"outages[0].length", int64_t{1}}};
  const Samples one = run({}, scenario);
  const Samples two = run({}, scenario);
  ASSERT_EQ(one.by_ms.size(), two.by_ms.size());
  for (const auto& [ms, numbers] : one.by_ms) {
    for (const auto& [name, value] : numbers) {
      EXPECT_EQ(value, two.by_ms.at(ms).at(name)) << name << " at " << ms << " ms";
    }
  }
}

TEST_F(SimulatorTest, a_bad_scenario_is_refused_with_its_name) {
  const auto refusal = [](const Api::Options& options, const Api::Options& scenario) {
    const Api api;
    std::vector<forebay_option> given;
    std::vector<forebay_option> asked;
    for (const auto& [path, value] : options) given.push_back(Api::option(path, value));
    for (const auto& [path, value] : scenario) asked.push_back(Api::option(path, value));
    Samples samples;
    const auto error = +[](void* context, const char* data, size_t size) {
      static_cast<Samples*>(context)->error.append(data, size);
    };
    EXPECT_EQ(api.table->simulate(given.data(), given.size(), asked.data(), asked.size(),
                                  Samples::number, error, &samples),
              FOREBAY_INVALID_ARGUMENT);
    return samples.error;
  };
  EXPECT_EQ(refusal({}, {}).find("loads[0].rate"), 0u);
  EXPECT_EQ(refusal({}, {{"loads[0].rate", -1.0}}).find("loads[0].rate: -1"), 0u);
  EXPECT_EQ(refusal({}, {{"loads[0].rate", 1.0}, {"lenght", 1.0}}).find("lenght"), 0u);
  EXPECT_EQ(refusal({{"batch.max_records", int64_t{0}}}, {{"loads[0].rate", 1.0}})
                .find("batch.max_records: 0"),
            0u);
}

}  // namespace
}  // namespace forebay
