// Measurements through the C ABI: from instruments of any collector to the exporter, and every one
// counted that no point shows.
#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "balanced.h"

namespace forebay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

forebay_attribute attribute(const char* key, std::string_view value) {
  forebay_attribute made{};
  made.key = key;
  made.key_size = static_cast<uint32_t>(std::string_view(key).size());
  made.value = text_value(value);
  return made;
}

class MetricsTest : public BalancedTest {
 protected:
  // Without what Forebay reports of itself: points are counted here.
  forebay_collector* create(Api::Options options = {}) {
    options.emplace_back("metrics.self_metrics", std::string("never"));
    return BalancedTest::create(options);
  }
  int32_t add(forebay_instrument* instrument, int64_t value, const char* key = nullptr,
              std::string_view of = "") {
    const forebay_attribute one = key == nullptr ? forebay_attribute{} : attribute(key, of);
    return api.table->record_int64(instrument, &one, key == nullptr ? 0 : 1, value);
  }
};

TEST_F(MetricsTest, a_counter_is_in_the_text_and_in_what_is_exported) {
  forebay_collector* collector = create();
  forebay_instrument* orders = api.instrument(collector, "orders");
  EXPECT_EQ(add(orders, 3, "region", "eu"), FOREBAY_ACCEPTED);
  EXPECT_EQ(add(orders, 4, "region", "eu"), FOREBAY_ACCEPTED);
  EXPECT_EQ(add(orders, 1, "region", "us"), FOREBAY_ACCEPTED);
  const std::string text = api.metrics_text(collector);
  EXPECT_THAT(text, HasSubstr("orders_total{"));
  EXPECT_THAT(text, HasSubstr("region=\"eu\""));
  EXPECT_THAT(text, HasSubstr("} 7\n"));
  EXPECT_TRUE(api.take_metrics(collector).empty());  // none was due
  EXPECT_TRUE(api.flush(collector, 30));
  const auto requests = api.take_metrics(collector);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_THAT(requests[0], HasSubstr("orders"));
  EXPECT_EQ(api.stat(collector, "metrics.emitted"), 2);
  EXPECT_EQ(api.stat(collector, "metrics.delivered"), 2);
  // Log records are another signal.
  EXPECT_EQ(api.stat(collector, "emitted"), 0);
  EXPECT_TRUE(api.take(collector).empty());
}

TEST_F(MetricsTest, the_same_name_gives_the_same_handle_and_a_bad_one_is_refused) {
  forebay_collector* collector = create();
  EXPECT_EQ(api.instrument(collector, "orders"), api.instrument(collector, "orders"));
  EXPECT_NE(api.instrument(collector, "orders"),
            api.instrument(collector, "orders", FOREBAY_HISTOGRAM));
  std::string error;
  EXPECT_EQ(api.instrument(collector, "two words", FOREBAY_COUNTER, &error), nullptr);
  EXPECT_THAT(error, HasSubstr("name: 'two words'"));
  EXPECT_EQ(api.instrument(collector, "x", 7, &error), nullptr);
  EXPECT_THAT(error, HasSubstr("kind: 7"));
}

TEST_F(MetricsTest, instruments_of_the_default_bind_at_first_use_and_go_over_to_the_next_one) {
  forebay_instrument* early = api.instrument(nullptr, "early");
  const forebay_attribute region = attribute("region", "eu");
  forebay_series* bound = api.table->series(early, &region, 1);
  EXPECT_EQ(add(early, 1), FOREBAY_REFUSED_NOT_STARTED);
  EXPECT_EQ(api.table->series_record_int64(bound, 1), FOREBAY_REFUSED_NOT_STARTED);
  forebay_collector* first = create();
  api.table->collector_set_default(first);
  EXPECT_EQ(api.stat(first, "notes.measurements_not_started"), 2);
  EXPECT_EQ(add(early, 10), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.table->series_record_int64(bound, 20), FOREBAY_ACCEPTED);
  forebay_collector* second = create();
  api.table->collector_set_default(second);
  EXPECT_EQ(add(early, 100), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.table->series_record_int64(bound, 200), FOREBAY_ACCEPTED);
  EXPECT_THAT(api.metrics_text(first), HasSubstr("} 20\n"));
  EXPECT_THAT(api.metrics_text(second), HasSubstr("} 200\n"));
  EXPECT_THAT(api.metrics_text(second), Not(HasSubstr("} 20\n")));
  // And back.
  api.table->collector_set_default(first);
  EXPECT_EQ(api.table->series_record_int64(bound, 5), FOREBAY_ACCEPTED);
  EXPECT_THAT(api.metrics_text(first), HasSubstr("} 25\n"));
  api.table->series_release(bound);
}

TEST_F(MetricsTest, after_the_shutdown_measurements_are_refused_and_counted) {
  forebay_collector* collector = create();
  forebay_instrument* orders = api.instrument(collector, "orders");
  forebay_series* bound = api.table->series(orders, nullptr, 0);
  EXPECT_EQ(api.table->series_record_int64(bound, 1), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.shutdown(collector, 30));
  EXPECT_EQ(api.stat(collector, "metrics.delivered"), 1);  // the last collection
  EXPECT_EQ(api.table->series_record_int64(bound, 1), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(add(orders, 1, "a", "b"), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(api.stat(collector, "notes.measurements_shutdown"), 2);
  api.table->series_release(bound);
}

TEST_F(MetricsTest, a_shutdown_without_time_drops_the_points_under_that_name) {
  forebay_collector* collector = create({{"metrics.interval", 3600.0}});
  forebay_instrument* orders = api.instrument(collector, "orders");
  for (int i = 0; i < 10; ++i) (void)add(orders, 1, "n", std::to_string(i));
  (void)api.shutdown(collector, 0);
  const auto stats = api.stats(collector);
  EXPECT_EQ(stats.at("metrics.emitted"), 10);
  EXPECT_EQ(stats.at("metrics.delivered") + stats.at("metrics.dropped"), 10);
}

TEST_F(MetricsTest, what_is_no_measurement_is_told_and_counted) {
  forebay_collector* collector = create();
  forebay_instrument* orders = api.instrument(collector, "orders");
  EXPECT_EQ(add(orders, -1), FOREBAY_INVALID_MEASUREMENT);
  EXPECT_EQ(api.table->record_double(orders, nullptr, 0, std::nan("")),
            FOREBAY_INVALID_MEASUREMENT);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(api.stat(collector, "notes.measurements_invalid"), 2);
}

TEST_F(MetricsTest, a_disabled_collector_takes_nothing) {
  forebay_collector* collector = create({{"disabled", true}});
  forebay_instrument* orders = api.instrument(collector, "orders");
  EXPECT_EQ(add(orders, 1), FOREBAY_DISABLED);
  EXPECT_EQ(add(orders, 1), FOREBAY_DISABLED);
  EXPECT_EQ(api.stat(collector, "metrics.emitted"), 0);
}

TEST_F(MetricsTest, an_interval_collects_by_itself) {
  forebay_collector* collector = create({{"metrics.interval", 0.02}});
  forebay_instrument* orders = api.instrument(collector, "orders");
  (void)add(orders, 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (api.stat(collector, "metrics.delivered") < 3) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  EXPECT_GE(api.take_metrics(collector).size(), 3U);
}

TEST_F(MetricsTest, views_are_options) {
  forebay_collector* collector = create({
      {"metrics.views[0].instrument", std::string("latency")},
      {"metrics.views[0].name", std::string("request.latency")},
      {"metrics.views[0].buckets[0]", 1.0},
      {"metrics.views[0].buckets[1]", 2.0},
      {"metrics.views[0].drop_attributes[0]", std::string("user")},
      {"metrics.views[1].instrument", std::string("noise*")},
      {"metrics.views[1].aggregation", std::string("drop")},
  });
  forebay_instrument* latency = api.instrument(collector, "latency", FOREBAY_HISTOGRAM);
  const std::array<forebay_attribute, 2> attributes = {attribute("user", "ann"),
                                                       attribute("route", "/x")};
  EXPECT_EQ(api.table->record_double(latency, attributes.data(), 2, 1.5), FOREBAY_ACCEPTED);
  EXPECT_EQ(add(api.instrument(collector, "noise.1"), 1), FOREBAY_ACCEPTED);
  const std::string text = api.metrics_text(collector);
  EXPECT_THAT(text, HasSubstr("request_latency_bucket{"));
  EXPECT_THAT(text, HasSubstr("le=\"2"));
  EXPECT_THAT(text, Not(HasSubstr("ann")));
  EXPECT_THAT(text, HasSubstr("route=\"/x\""));
  EXPECT_THAT(text, Not(HasSubstr("noise")));
  std::string error;
  EXPECT_EQ(api.create({{"metrics.views[0].instrument", std::string("a*")},
                        {"metrics.views[0].name", std::string("b")}},
                       &error),
            nullptr);
  EXPECT_THAT(error, HasSubstr("metrics.views[0].name"));
}

// -- observable instruments ----------------------------------------------------------------------

struct Observer {
  const forebay_api* table;
  std::atomic<int> asked{0};
  std::atomic<forebay_observation*> kept{nullptr};
  bool keeps = false;  // does not answer until somebody does it for it

  static void call(void* context, forebay_observation* observation) {
    auto* self = static_cast<Observer*>(context);
    ++self->asked;
    if (self->keeps) {
      self->kept = observation;
      return;
    }
    self->table->observation_int64(observation, nullptr, 0, 40 + self->asked);
    self->table->observation_end(observation, 0);
  }
};

TEST_F(MetricsTest, an_observable_instrument_is_asked_at_each_collection_and_scrape) {
  forebay_collector* collector = create();
  Observer observer{.table = api.table};
  forebay_observer* handle = nullptr;
  forebay_instrument* depth = api.instrument(collector, "depth", FOREBAY_OBSERVABLE_GAUGE);
  ASSERT_EQ(api.table->observe(depth, Observer::call, &observer, &handle), FOREBAY_OK);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(observer.asked, 2);
  EXPECT_EQ(api.stat(collector, "metrics.delivered"), 2);
  EXPECT_THAT(api.metrics_text(collector), HasSubstr(" 43\n")) << "a scrape asks, too";
  api.table->observer_end(handle);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(observer.asked, 3);
  EXPECT_EQ(
      api.table->observe(api.instrument(collector, "orders"), Observer::call, &observer, &handle),
      FOREBAY_INVALID_ARGUMENT);
}

TEST_F(MetricsTest, a_late_callback_is_left_out_counted_and_not_asked_until_it_ends) {
  forebay_collector* collector = create({{"metrics.callback_timeout", 0.01}});
  Observer late{.table = api.table};
  late.keeps = true;
  Observer fine{.table = api.table};
  forebay_observer* one = nullptr;
  forebay_observer* other = nullptr;
  api.table->observe(api.instrument(collector, "late", FOREBAY_OBSERVABLE_GAUGE), Observer::call,
                     &late, &one);
  api.table->observe(api.instrument(collector, "fine", FOREBAY_OBSERVABLE_GAUGE), Observer::call,
                     &fine, &other);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(late.asked, 1);
  EXPECT_EQ(fine.asked, 2);
  EXPECT_EQ(api.stat(collector, "metrics.delivered"), 2);
  EXPECT_EQ(api.stat(collector, "notes.callbacks_late"), 2);
  api.table->observation_end(late.kept, 1);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(late.asked, 2);
  EXPECT_EQ(api.stat(collector, "notes.callbacks_failed"), 1);
  api.table->observation_end(late.kept, 0);
  api.table->observer_end(one);
  api.table->observer_end(other);
}

// -- what a text cannot show ---------------------------------------------------------------------

TEST_F(MetricsTest, each_name_that_a_text_leaves_out_is_told_once) {
  forebay_collector* collector = create();
  for (const char* name : {"text.a", "text_a", "text.b", "text_b"}) {
    api.table->record_int64(api.instrument(collector, name), nullptr, 0, 1);
  }
  ::testing::internal::CaptureStderr();
  for (const char* format : {"prometheus", "openmetrics", "prometheus"}) {
    EXPECT_THAT(api.metrics_text(collector, format), HasSubstr("text_b_total"));
  }
  const std::string why = "_total are left out: their labels are those of an earlier one\n";
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "forebay: prometheus_text: 1 points of text_a" + why +
                "forebay: prometheus_text: 1 points of text_b" + why);
}

// -- threads -------------------------------------------------------------------------------------

TEST_F(MetricsTest, threads_that_come_and_go_lose_nothing) {
  forebay_collector* collector =
      create({{"metrics.interval", 0.01}, {"metrics.temporality", std::string("delta")}});
  forebay_instrument* orders = api.instrument(collector, "orders");
  constexpr int kThreads = 40;
  constexpr int kAdds = 500;
  for (int round = 0; round < kThreads / 4; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        forebay_series* bound = api.table->series(orders, nullptr, 0);
        for (int i = 0; i < kAdds; ++i) {
          (void)api.table->series_record_int64(bound, 1);
          (void)add(orders, 1, "n", std::to_string(i % 7));
        }
        api.table->series_release(bound);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const std::string text = api.metrics_text(collector);
  int64_t sum = 0;
  for (size_t at = text.find("orders_total{"); at != std::string::npos;
       at = text.find("orders_total{", at + 1)) {
    sum += std::stoll(text.substr(text.find("} ", at) + 2));
  }
  EXPECT_EQ(sum, int64_t{2} * kThreads * kAdds);
}

}  // namespace
}  // namespace forebay
