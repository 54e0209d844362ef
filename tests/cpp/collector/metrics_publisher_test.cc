// The file of a process's series: whole at each moment, and the last one says that it is.
#include "metrics_publisher.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "balanced.h"

namespace forebay {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool wait_until(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

// Of an observable instrument.
struct HangingCallback {
  const forebay_api* table;
  std::atomic<bool> hangs{true};
  std::atomic<forebay_observation*> hanging{nullptr};

  static void call(void* context, forebay_observation* observation) {
    auto* self = static_cast<HangingCallback*>(context);
    if (self->hangs) {
      self->hanging = observation;
    } else {
      self->answer(observation);
    }
  }
  void answer(forebay_observation* observation) const {
    table->observation_int64(observation, nullptr, 0, 42);
    table->observation_end(observation, 0);
  }
};

class MetricsPublisherTest : public BalancedTest {
 protected:
  MetricsPublisherTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("forebay-publisher-test-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(directory_);
  }
  ~MetricsPublisherTest() override { std::filesystem::remove_all(directory_); }

  forebay_collector* publishing(double interval) {
    return create({{"service_name", std::string("a shop")},
                   {"metrics.publish_directory", directory_.string()},
                   {"metrics.publish_interval", interval}});
  }
  // The only one there.
  std::string file() {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      found.push_back(entry.path());
    }
    return found.size() == 1 ? contents(found[0]) : std::to_string(found.size()) + " files";
  }
  void add(forebay_instrument* instrument, int64_t value) {
    EXPECT_EQ(api.table->record_int64(instrument, nullptr, 0, value), FOREBAY_ACCEPTED);
  }

  std::filesystem::path directory_;
};

TEST_F(MetricsPublisherTest, what_is_counted_is_published_without_being_asked) {
  forebay_collector* collector = publishing(0.01);
  forebay_instrument* orders = api.instrument(collector, "orders");
  for (int i = 1; i <= 3; ++i) {
    add(orders, 1);
    EXPECT_TRUE(wait_until([&] {
      const std::string path = (directory_ / ("a_shop." + std::to_string(getpid()) + "." +
                                              api.text_of(collector, "instance_id") + ".om"))
                                   .string();
      return contents(path).find("} " + std::to_string(i) + "\norders_created") !=
             std::string::npos;
    }));
  }
}

TEST_F(MetricsPublisherTest, a_publication_can_be_asked_for_and_says_whose_it_is) {
  forebay_collector* collector = publishing(3600);
  forebay_instrument* orders = api.instrument(collector, "orders");
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_OK);  // nothing to say yet
  EXPECT_FALSE(std::filesystem::exists(directory_));
  add(orders, 7);
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_OK);
  const std::string text = file();
  EXPECT_THAT(text, StartsWith("# forebay {\"format\":1,\"pid\":" + std::to_string(getpid())));
  EXPECT_THAT(text, HasSubstr("\"ended\":false}\n# TYPE target info\n"));
  EXPECT_THAT(text, HasSubstr("\"instance_id\":\"" + api.text_of(collector, "instance_id")));
  EXPECT_THAT(text, HasSubstr("} 7\n"));
  EXPECT_THAT(text, EndsWith("# EOF\n"));
}

TEST_F(MetricsPublisherTest, the_last_publication_has_all_that_was_counted_and_stays) {
  forebay_collector* collector = publishing(3600);
  forebay_instrument* orders = api.instrument(collector, "orders");
  add(orders, 7);
  EXPECT_TRUE(api.shutdown(collector, 30));
  const std::string text = file();
  EXPECT_THAT(text, HasSubstr("\"ended\":true}\n"));
  EXPECT_THAT(text, HasSubstr("} 7\n"));
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_CLOSED);
  EXPECT_EQ(file(), text);
}

TEST_F(MetricsPublisherTest, measurements_up_to_a_shutdown_under_way_are_all_in_the_last_one) {
  forebay_collector* collector = publishing(0.01);
  forebay_instrument* orders = api.instrument(collector, "orders");
  add(orders, 1);
  std::atomic<int64_t> accepted{1};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (api.table->record_int64(orders, nullptr, 0, 1) == FOREBAY_ACCEPTED) ++accepted;
    });
  }
  EXPECT_TRUE(wait_until([&] { return accepted > 10'000; }));
  EXPECT_TRUE(api.shutdown(collector, 60));
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(file(), HasSubstr("} " + std::to_string(accepted) + "\norders_created"));
}

TEST_F(MetricsPublisherTest, a_failure_is_counted_and_what_was_published_stays) {
  forebay_collector* collector = publishing(3600);
  forebay_instrument* orders = api.instrument(collector, "orders");
  add(orders, 7);
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_OK);
  const std::string text = file();
  // A directory in the place of what is written beside the file, also for root.
  const std::filesystem::path path = *std::filesystem::directory_iterator(directory_);
  std::filesystem::create_directory(path.string() + ".tmp");
  add(orders, 1);
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_UNAVAILABLE);
  EXPECT_EQ(api.stat(collector, "notes.publications_failed"), 1);
  EXPECT_EQ(contents(path), text);
  std::filesystem::remove(path.string() + ".tmp");
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_OK);
  EXPECT_THAT(contents(path), HasSubstr("} 8\n"));
}

TEST_F(MetricsPublisherTest, a_callback_that_hangs_does_not_hold_up_what_is_counted) {
  forebay_collector* collector = create({{"service_name", std::string("a shop")},
                                         {"metrics.interval", 3600.0},
                                         {"metrics.callback_timeout", 3600.0},
                                         {"metrics.publish_directory", directory_.string()},
                                         {"metrics.publish_interval", 0.05}});
  HangingCallback callback{.table = api.table};
  forebay_observer* observer = nullptr;
  ASSERT_EQ(api.table->observe(api.instrument(collector, "depth", FOREBAY_OBSERVABLE_GAUGE),
                               HangingCallback::call, &callback, &observer),
            FOREBAY_OK);
  ASSERT_TRUE(wait_until([&] { return callback.hanging != nullptr; }));
  // One who asked for a publication waits as long as callbacks have, and nobody waits for him.
  int32_t published = -1;
  std::thread patient([&] { published = api.table->collector_publish_metrics(collector); });
  forebay_instrument* orders = api.instrument(collector, "orders");
  const std::string path = (directory_ / ("a_shop." + std::to_string(getpid()) + "." +
                                          api.text_of(collector, "instance_id") + ".om"))
                               .string();
  const auto shows = [&](std::string_view what) {
    return wait_until([&] { return contents(path).find(what) != std::string::npos; });
  };
  for (int i = 1; i <= 3; ++i) {
    add(orders, 1);
    EXPECT_TRUE(shows("} " + std::to_string(i) + "\norders_created"));
  }
  EXPECT_EQ(contents(path).find("\ndepth{"), std::string::npos);
  EXPECT_EQ(api.stat(collector, "notes.callbacks_late"), 0);
  // It is through: the next publication has what it observed.
  callback.hangs = false;
  callback.answer(callback.hanging);
  EXPECT_TRUE(shows("\ndepth{"));
  patient.join();
  EXPECT_EQ(published, FOREBAY_OK);
  EXPECT_EQ(api.stat(collector, "notes.callbacks_late"), 0);
  api.table->observer_end(observer);
}

TEST_F(MetricsPublisherTest, without_a_directory_nothing_is_published) {
  forebay_collector* collector = create();
  add(api.instrument(collector, "orders"), 1);
  EXPECT_EQ(api.table->collector_publish_metrics(collector), FOREBAY_INVALID_ARGUMENT);
  std::string error;
  EXPECT_EQ(api.create({{"service_name", std::string("s")},
                        {"exporter.type", std::string("memory")},
                        {"metrics.publish_directory", std::string("series")}},
                       &error),
            nullptr);
  EXPECT_THAT(error, HasSubstr("metrics.publish_directory: \"series\" is not an absolute path"));
}

}  // namespace
}  // namespace forebay
