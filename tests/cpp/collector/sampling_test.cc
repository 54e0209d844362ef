// Sampling from emit to the receiver: what arrives stands for what was emitted.
#include <atomic>
#include <thread>

#include "balanced.h"
#include "base/random.h"
#include "received_records.h"

namespace forebay {
namespace {

class SamplingTest : public BalancedTest {
 protected:
  static Api::Options with(Api::Options options, const Api::Options& more) {
    options.insert(options.end(), more.begin(), more.end());
    return options;
  }
  static Api::Options one_lane(const std::string& on_full, int64_t slots) {
    return {{"lanes[0].name", std::string("all")},
            {"lanes[0].queue_records", slots},
            {"lanes[0].on_full[0]", on_full}};
  }
  static Api::Options burst_and_ratio() {
    return {{"sampling[0].type", std::string("burst")},
            {"sampling[0].first", int64_t{3}},
            {"sampling[0].then_every", int64_t{7}},
            {"sampling[0].interval", 0.01},
            {"sampling[0].min_level", int64_t{9}},
            {"sampling[1].type", std::string("ratio")},
            {"sampling[1].ratio", 0.13}};
  }

  // Threads emit at several sites, loggers and severities, while this thread flushes. The number of
  // records emitted.
  int64_t emit_and_flush(forebay_collector* collector, uint64_t records_of_a_thread,
                         std::vector<ReceivedRecord>& arrived) {
    constexpr int kThreads = 3;
    std::vector<forebay_logger*> loggers = {api.logger(collector, "sampled.a", 1),
                                            api.logger(collector, "sampled.b", 1)};
    std::vector<const forebay_site*> sites;
    for (const uint32_t severity : {5u, 9u, 17u}) {
      sites.push_back(api.site("first", severity));
      sites.push_back(api.site("second", severity));
    }
    std::atomic<int> running{kThreads};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        Random random(static_cast<uint64_t>(t) + 1);
        for (uint64_t i = 0; i < records_of_a_thread; ++i) {
          (void)api.emit(loggers[random.below(loggers.size())], sites[random.below(sites.size())]);
        }
        running.fetch_sub(1);
      });
    }
    const auto take = [&] {
      EXPECT_TRUE(api.flush(collector, 30));
      for (ReceivedRecord& record : received(api.take(collector))) {
        arrived.push_back(std::move(record));
      }
    };
    while (running.load() != 0) take();
    for (std::thread& thread : threads) thread.join();
    take();
    return static_cast<int64_t>(records_of_a_thread) * kThreads;
  }
};

TEST_F(SamplingTest, the_adjusted_counts_that_arrive_add_up_to_what_was_emitted) {
  forebay_collector* collector = create(with(one_lane("block", 4096), burst_and_ratio()));
  std::vector<ReceivedRecord> arrived;
  const int64_t emitted = emit_and_flush(collector, 100'000, arrived);
  EXPECT_EQ(sum_of_adjusted_counts(arrived), emitted);
  const Api::Numbers stats = api.stats(collector);
  EXPECT_EQ(stats.at("emitted"), emitted);
  EXPECT_EQ(stats.at("represented.delivered"), emitted);
  EXPECT_EQ(stats.at("represented.lost"), 0);
  EXPECT_EQ(stats.at("represented.pending"), 0);
  EXPECT_GT(stats.at("sampled_out"), emitted / 2);
  EXPECT_EQ(static_cast<int64_t>(arrived.size()),
            emitted - stats.at("sampled_out") + stats.at("internal"));
}

TEST_F(SamplingTest, a_full_lane_loses_records_but_no_weight_unseen) {
  for (const char* on_full : {"drop_newest", "drop_oldest", "fail"}) {
    SCOPED_TRACE(on_full);
    forebay_collector* collector = create(with(one_lane(on_full, 16), burst_and_ratio()));
    std::vector<ReceivedRecord> arrived;
    const int64_t emitted = emit_and_flush(collector, 60'000, arrived);
    const Api::Numbers stats = api.stats(collector);
    EXPECT_GT(stats.at("dropped") + stats.at("refused"), 0) << "the lane was never full";
    EXPECT_EQ(stats.at("represented.delivered"), sum_of_adjusted_counts(arrived));
    EXPECT_EQ(stats.at("represented.delivered") + stats.at("represented.lost"), emitted);
    EXPECT_EQ(stats.at("represented.pending"), 0);
    if (std::string(on_full) != "drop_oldest") {
      EXPECT_EQ(stats.at("represented.lost"), stats.at("dropped") + stats.at("refused"))
          << "who is refused takes no more than itself along";
    }
  }
}

TEST_F(SamplingTest, what_is_left_goes_at_a_flush_as_one_record_for_each_rule_logger_and_severity) {
  forebay_collector* collector =
      create({{"sampling[0].type", std::string("ratio")}, {"sampling[0].ratio", 0.01}});
  forebay_logger* loggers[] = {api.logger(collector, "left.a"), api.logger(collector, "left.b")};
  for (forebay_logger* logger : loggers) {
    for (const uint32_t severity : {9u, 17u}) {
      for (int i = 0; i < 11; ++i) {
        (void)api.emit(logger, api.site(i % 2 == 0 ? "one" : "two", severity));
      }
    }
  }
  EXPECT_EQ(api.stat(collector, "represented.pending"), 44);
  EXPECT_TRUE(api.flush(collector, 30));
  const std::vector<ReceivedRecord> arrived = received(api.take(collector));
  size_t remainders = 0;
  for (const ReceivedRecord& record : arrived) {
    if (record.attribute("forebay.internal") != "str:remainder") continue;
    ++remainders;
    EXPECT_EQ(record.attribute("forebay.adjusted_count"), "int:10");
    EXPECT_EQ(record.attribute("forebay.sampling.rule"), "int:0");
    EXPECT_EQ(record.record.body, "none");
    EXPECT_EQ(record.scope.substr(0, 5), "left.");
    EXPECT_TRUE(record.record.severity == 9 || record.record.severity == 17);
  }
  EXPECT_EQ(remainders, 4u);
  EXPECT_EQ(arrived.size(), 8u);
  EXPECT_EQ(sum_of_adjusted_counts(arrived), 44);
  EXPECT_EQ(api.stat(collector, "internal"), 4);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_TRUE(received(api.take(collector)).empty()) << "nothing is told twice";
}

TEST_F(SamplingTest, what_an_ended_thread_left_goes_at_shutdown) {
  forebay_collector* collector =
      create({{"sampling[0].type", std::string("ratio")}, {"sampling[0].ratio", 0.0}});
  forebay_logger* logger = api.logger(collector, "ended");
  for (int t = 0; t < 3; ++t) {
    std::thread([&] {
      for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(api.emit(logger, api.site("gone")), FOREBAY_SAMPLED_OUT);
      }
    }).join();
  }
  Api::Numbers receipt;
  EXPECT_TRUE(api.shutdown(collector, 30, &receipt));
  EXPECT_EQ(receipt.at("represented.delivered"), 15);
  EXPECT_EQ(sum_of_adjusted_counts(received(api.take(collector))), 15);
  EXPECT_EQ(api.stat(collector, "represented.pending"), 0);
}

TEST_F(SamplingTest, a_kept_record_says_how_many_it_stands_for_and_the_others_say_nothing) {
  forebay_collector* collector = create({{"sampling[0].type", std::string("ratio")},
                                         {"sampling[0].ratio", 0.25},
                                         {"sampling[0].logger", std::string("some.*")}});
  forebay_logger* some = api.logger(collector, "some.thing");
  forebay_logger* other = api.logger(collector, "other");
  const forebay_site* site = api.site("weighed", 9, {"n"});
  for (int i = 0; i < 5; ++i) {
    (void)api.emit(some, site, {int_value(i)});
    EXPECT_EQ(api.emit(other, site, {int_value(i)}), FOREBAY_ACCEPTED);
  }
  EXPECT_TRUE(api.flush(collector, 30));
  std::vector<std::string> counts;
  for (const ReceivedRecord& record : received(api.take(collector))) {
    EXPECT_EQ(record.record.body, "str:weighed");
    if (record.scope == "some.thing") counts.push_back(record.attribute("forebay.adjusted_count"));
    if (record.scope == "other") {
      EXPECT_EQ(record.attribute("forebay.adjusted_count"), "");
    }
  }
  EXPECT_EQ(counts, (std::vector<std::string>{"", "int:4"}));
}

TEST_F(SamplingTest, all_records_of_a_trace_live_or_die_together_with_a_fixed_weight) {
  forebay_collector* collector =
      create({{"sampling[0].type", std::string("trace_ratio")}, {"sampling[0].ratio", 0.3}});
  forebay_logger* logger = api.logger(collector, "traced");
  Random random(20261125);
  std::map<std::string, int> emitted;
  for (int trace = 0; trace < 2000; ++trace) {
    Extra extra;
    const uint64_t words[2] = {random.next(), random.next()};
    std::memcpy(extra.fields.trace_id, words, sizeof words);
    const std::string id(reinterpret_cast<const char*>(words), sizeof words);
    for (const char* body : {"begins", "goes on", "ends"}) {
      const int32_t outcome = api.emit(logger, api.site(body), {}, &extra.fields);
      if (outcome == FOREBAY_ACCEPTED) ++emitted[id];
    }
  }
  EXPECT_TRUE(api.flush(collector, 30));
  std::map<std::string, int> arrived;
  for (const ReceivedRecord& record : received(api.take(collector))) {
    EXPECT_EQ(record.attribute("forebay.adjusted_count"), "int:4");
    ++arrived[record.record.trace_id];
  }
  EXPECT_EQ(arrived, emitted);
  for (const auto& [id, records] : arrived) EXPECT_EQ(records, 3);
  // Binomial with p = 1/4: five standard deviations.
  EXPECT_NEAR(static_cast<double>(arrived.size()), 500, 97);
  const Api::Numbers stats = api.stats(collector);
  EXPECT_EQ(stats.at("represented.delivered"), static_cast<int64_t>(arrived.size()) * 12);
  EXPECT_EQ(stats.at("represented.lost"), 0);
  EXPECT_EQ(stats.at("represented.pending"), 0);
}

TEST_F(SamplingTest, a_truncated_record_keeps_its_weight) {
  forebay_collector* collector = create({{"sampling[0].type", std::string("ratio")},
                                         {"sampling[0].ratio", 0.5},
                                         {"max_record_bytes", int64_t{1000}}});
  forebay_logger* logger = api.logger(collector, "long");
  const std::string message(10'000, 'x');
  Extra extra;
  extra.fields.body = text_value(message);
  for (int i = 0; i < 3; ++i) (void)api.emit(logger, api.site("unused"), {}, &extra.fields);
  EXPECT_TRUE(api.flush(collector, 30));
  const std::vector<ReceivedRecord> arrived = received(api.take(collector));
  ASSERT_EQ(arrived.size(), 2u);
  EXPECT_EQ(arrived[1].attribute("forebay.adjusted_count"), "int:2");
  EXPECT_EQ(arrived[1].attribute("forebay.truncated"), "bool:1");
}

TEST_F(SamplingTest, without_sampling_every_record_represents_itself) {
  forebay_collector* collector = create();
  forebay_logger* logger = api.logger(collector, "plain");
  for (int i = 0; i < 100; ++i) (void)api.emit(logger, api.site("plain"));
  EXPECT_TRUE(api.flush(collector, 30));
  const Api::Numbers stats = api.stats(collector);
  EXPECT_EQ(stats.at("represented.delivered"), 100);
  EXPECT_EQ(stats.at("represented.lost"), 0);
  EXPECT_EQ(stats.at("represented.pending"), 0);
}

}  // namespace
}  // namespace forebay
