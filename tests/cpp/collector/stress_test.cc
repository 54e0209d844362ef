// Threads at random against policies at random and a destination that fails: the ledger balances.
// FOREBAY_TEST_SEED=17 runs one seed again; FOREBAY_STRESS_SEEDS=100 runs more.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "balanced.h"
#include "base/random.h"
#include "collector/moody_server.h"

namespace forebay {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

Api::Options random_options(Random& random, const std::string& url) {
  const auto one_of = [&](std::initializer_list<int64_t> choices) {
    return *(choices.begin() + random.below(choices.size()));
  };
  Api::Options options = {
      {"exporter.type", std::string("otlp_http")},
      {"exporter.endpoint", url},
      {"exporter.compression", std::string("none")},
      {"exporter.timeout", 5.0},
      {"exporter.max_in_flight", one_of({1, 1, 4})},
      {"batch.max_records", one_of({1, 10, 500, 8192})},
      {"batch.max_delay", random.below(2) == 0 ? 0.0 : 0.01},
      {"backlog.max_bytes", one_of({65'536, 1 << 20})},
      {"retry.initial", 0.001},
      {"retry.max", 0.01},
  };
  const auto lanes = 1 + random.below(3);
  for (uint64_t i = 0; i < lanes; ++i) {
    const std::string at = "lanes[" + std::to_string(i) + "].";
    options.emplace_back(at + "name", "lane" + std::to_string(i));
    options.emplace_back(at + "queue_records", one_of({8, 64, 1024, 16'384}));
    options.emplace_back(at + "min_level", i + 1 < lanes ? int64_t{13} : int64_t{0});
    options.emplace_back(at + "backlog_share", random.below(2) == 0 ? 0.0 : 0.3);
    options.emplace_back(at + "on_backlog_full",
                         std::string(random.below(2) == 0 ? "hold" : "evict_oldest"));
    static const std::vector<std::string> kinds = {"drop_newest", "drop_oldest", "fail", "block"};
    const std::string kind = kinds[random.below(kinds.size())];
    options.emplace_back(at + "on_full[0]", kind);
    if (kind == "block" && random.below(2) == 0) {
      options.emplace_back(at + "on_full[0].timeout", 0.002);
      options.emplace_back(at + "on_full[1]", kinds[random.below(3)]);
    }
    if (random.below(4) == 0) options.emplace_back(at + "max_age", 0.05);
  }
  return options;
}

class StressTest : public BalancedTest {
 protected:
  struct Answers {
    std::atomic<int64_t> emitted{0};
    std::atomic<int64_t> refused{0};
    std::atomic<int64_t> newest{0};
  };

  void emit_at_random(forebay_logger* logger, uint64_t seed, int64_t records, Answers& answers) {
    Random random(seed);
    const std::string body(5000, 'b');
    const forebay_site* sites[] = {api.site("stress info", 9, {"n", "text"}),
                                   api.site("stress error", 17, {"n", "text"})};
    for (int64_t n = 0; n < records; ++n) {
      forebay_value values[] = {int_value(n),
                                text_value(std::string_view(body).substr(
                                    0, random.below(random.below(20) == 0 ? 5000 : 50)))};
      const int32_t answer = api.table->emit(logger, sites[random.below(2)], values, 2, nullptr, 0);
      ++answers.emitted;
      if (answer >= FOREBAY_REFUSED_QUEUE_FULL && answer < FOREBAY_DROPPED_QUEUE_FULL_NEWEST) {
        ++answers.refused;
      }
      if (answer == FOREBAY_DROPPED_QUEUE_FULL_NEWEST) ++answers.newest;
    }
  }

  void run(uint64_t seed) {
    SCOPED_TRACE("again with FOREBAY_TEST_SEED=" + std::to_string(seed));
    Random random(seed);
    MoodyServer server(random.next());
    forebay_collector* collector = create(random_options(random, server.url()));
    ASSERT_NE(collector, nullptr);
    forebay_logger* logger = api.logger(collector, "stress");
    Answers answers;
    std::vector<std::thread> threads;
    const uint64_t producers = 1 + random.below(5);
    for (uint64_t t = 0; t < producers; ++t) {
      threads.emplace_back([&, thread_seed = random.next(), records = 1 + random.below(2000)] {
        emit_at_random(logger, thread_seed, static_cast<int64_t>(records), answers);
      });
    }
    // Audits, flushes and, at times, a shutdown while they emit.
    for (int i = 0; i < 5; ++i) {
      const Api::Numbers audit = api.audit(collector);
      EXPECT_EQ(audit.at("balanced"), 1) << "off by " << audit.at("difference");
      EXPECT_EQ(law_difference(api.stats(collector)), 0);
      (void)api.flush(collector, 0.01);
    }
    const bool is_cut_off = random.below(3) == 0;
    if (is_cut_off) (void)api.shutdown(collector, 0.0);
    server.be_kind();
    for (std::thread& thread : threads) thread.join();
    if (!is_cut_off) {
      EXPECT_TRUE(api.flush(collector, 60));
    }
    (void)api.shutdown(collector, 10);

    Api::Numbers stats = api.stats(collector);
    EXPECT_EQ(stats.at("emitted"), answers.emitted.load());
    EXPECT_EQ(stats.at("refused"), answers.refused.load());
    EXPECT_EQ(stats.at("dropped.queue_full_newest"), answers.newest.load());
    EXPECT_LE(stats.at("delivered"), server.records());
    EXPECT_LE(server.records(), stats.at("delivered") + stats.at("unknown"));
  }
};

TEST_F(StressTest, the_ledger_balances_whatever_threads_policies_and_destination_do) {
  const bool one = std::getenv("FOREBAY_TEST_SEED") != nullptr;
  const uint64_t first = from_environment("FOREBAY_TEST_SEED", 1);
  const uint64_t seeds = one ? 1 : from_environment("FOREBAY_STRESS_SEEDS", 12);
  for (uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace forebay
