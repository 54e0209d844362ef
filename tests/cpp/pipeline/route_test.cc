// Which destination of a route a batch is for.
#include "pipeline/route.h"

#include <gtest/gtest.h>

#include "ship/scripted_exporter.h"

namespace forebay::pipeline {
namespace {

using ship::Attempt;
using ship::testing::ScriptedExporter;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Settled = ship::Settlement::Kind;

EncodedBatch batch_of(int number) {
  EncodedBatch batch;
  batch.id = "instance-" + std::to_string(number);
  batch.counts[SeverityClass::kInfo] = 3;
  batch.body = std::make_shared<const ByteBuffer>(ByteBuffer::copy_of(as_bytes("body")));
  return batch;
}

class RouteTest : public ::testing::Test {
 protected:
  Route& make(RouteOrder order, size_t destinations, uint32_t parallel = 1) {
    Route::Exporters exporters;
    for (size_t i = 0; i < destinations; ++i) {
      auto exporter = std::make_unique<ScriptedExporter>();
      exporter->parallel = parallel;
      to.push_back(exporter.get());
      exporters.push_back(std::move(exporter));
    }
    RouteOptions options;
    options.order = order;
    Random random(1);
    route = std::make_unique<Route>(
        options, std::move(exporters),
        ship::RetryOptions{
            .initial = milliseconds{100}, .max = milliseconds{100}, .max_elapsed = {}},
        ship::BreakerOptions{
            .failures = 3, .open_initial = milliseconds{100}, .open_max = milliseconds{100}},
        random);
    return *route;
  }
  // Offers one batch where there is a destination for it; its number, or -1.
  int offer(bool hurried = false) {
    const auto chosen = route->choose(clock.now(), hurried);
    if (!chosen) return -1;
    route->offer(*chosen, batch_of(++batches), clock.now());
    return static_cast<int>(*chosen);
  }
  // What a destination has ends like this; the settlements.
  std::vector<ship::Settlement> answer(size_t destination, Attempt::Kind kind,
                                       std::optional<Duration> retry_after = std::nullopt) {
    while (!to[destination]->under_way.empty()) {
      to[destination]->answer(kind).retry_after = retry_after;
    }
    return route->step(destination, Duration::zero(), clock);
  }
  void pause_is_over() {
    clock.advance(milliseconds{101});
    for (size_t i = 0; i < to.size(); ++i) (void)route->step(i, Duration::zero(), clock);
  }
  // The first one fails until it is away.
  void first_goes_away() {
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(offer(), 0);
      answer(0, Attempt::Kind::kRetry);
      if (i < 2) pause_is_over();
    }
  }

  ManualClock clock;
  std::unique_ptr<Route> route;
  std::vector<ScriptedExporter*> to;
  int batches = 0;
};

TEST_F(RouteTest, failover_sends_everything_to_the_first_while_it_is_well) {
  make(RouteOrder::kFailover, 2);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(offer(), 0);
    answer(0, Attempt::Kind::kDelivered);
  }
}

TEST_F(RouteTest, failover_waits_for_a_first_destination_that_is_only_busy) {
  make(RouteOrder::kFailover, 2);
  EXPECT_EQ(offer(), 0);
  EXPECT_EQ(offer(), -1);
  EXPECT_EQ(offer(true), -1) << "also a flush does not push past one that is well";
}

TEST_F(RouteTest, failover_waits_for_a_first_destination_that_fails_now_and_then) {
  make(RouteOrder::kFailover, 2);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(offer(), 0);
    EXPECT_EQ(answer(0, Attempt::Kind::kRetry)[0].kind, Settled::kPutBack);
    EXPECT_EQ(offer(), -1);
    pause_is_over();
    EXPECT_EQ(offer(), 0);
    answer(0, Attempt::Kind::kDelivered);
  }
}

TEST_F(RouteTest, failover_passes_over_one_that_fails_again_and_again_but_for_a_probe) {
  make(RouteOrder::kFailover, 3, 2);
  first_goes_away();
  EXPECT_EQ(offer(), 1);
  answer(1, Attempt::Kind::kDelivered);
  EXPECT_EQ(offer(), 1);
  // Its pause is over: one batch goes there, what comes meanwhile does not.
  pause_is_over();
  EXPECT_EQ(offer(), 0);
  EXPECT_EQ(offer(), 1);
  answer(0, Attempt::Kind::kRetry);
  EXPECT_EQ(to[0]->sent.size(), 4u);
  EXPECT_EQ(offer(), -1) << "the second has two under way, and is well";
  answer(1, Attempt::Kind::kDelivered);
  EXPECT_EQ(offer(), 1);
}

TEST_F(RouteTest, failover_goes_back_to_the_first_when_its_probe_arrives) {
  make(RouteOrder::kFailover, 2, 2);
  first_goes_away();
  pause_is_over();
  EXPECT_EQ(offer(), 0);
  EXPECT_EQ(offer(), 1);
  for (int i = 0; i < 5; ++i) {
    answer(0, Attempt::Kind::kDelivered);
    EXPECT_EQ(offer(), 0);
    EXPECT_EQ(offer(), -1) << "it begins with one at a time, and is waited for again";
  }
  EXPECT_EQ(to[1]->sent.size(), 1u);
}

TEST_F(RouteTest, failover_passes_over_one_that_asks_for_more_than_patience) {
  make(RouteOrder::kFailover, 2);
  EXPECT_EQ(offer(), 0);
  answer(0, Attempt::Kind::kRetry, Route::kPatience);
  EXPECT_EQ(offer(), -1) << "so long it waits";
  clock.advance(Route::kPatience + milliseconds{1});
  (void)route->step(0, Duration::zero(), clock);
  EXPECT_EQ(offer(), 0);
  answer(0, Attempt::Kind::kRetry, seconds{60});
  EXPECT_EQ(offer(), 1);
  answer(1, Attempt::Kind::kDelivered);
  clock.advance(seconds{58});
  (void)route->step(0, Duration::zero(), clock);
  EXPECT_EQ(offer(), 1) << "also when little of it is left";
  answer(1, Attempt::Kind::kDelivered);
  clock.advance(seconds{3});
  (void)route->step(0, Duration::zero(), clock);
  EXPECT_EQ(offer(), 0);
}

TEST_F(RouteTest, a_flush_passes_over_one_that_has_just_failed) {
  make(RouteOrder::kFailover, 2);
  EXPECT_EQ(offer(), 0);
  answer(0, Attempt::Kind::kRetry);
  EXPECT_EQ(offer(false), -1);
  EXPECT_EQ(offer(true), 1);
}

TEST_F(RouteTest, a_batch_that_may_have_arrived_at_one_is_ambiguous_at_the_next) {
  make(RouteOrder::kFailover, 2);
  first_goes_away();
  pause_is_over();
  EXPECT_EQ(offer(), 0);
  std::vector<ship::Settlement> back = answer(0, Attempt::Kind::kAmbiguous);
  ASSERT_EQ(back[0].kind, Settled::kPutBack);
  EXPECT_TRUE(back[0].batch.ambiguous);
  ASSERT_EQ(route->choose(clock.now(), false), 1u);
  route->offer(1, std::move(back[0].batch), clock.now());
  // The second one refuses it for good: it may still have arrived at the first.
  EXPECT_EQ(answer(1, Attempt::Kind::kRejected)[0].kind, Settled::kUnknown);
}

TEST_F(RouteTest, nothing_is_chosen_where_all_are_away_and_it_tells_until_when) {
  make(RouteOrder::kFailover, 2);
  first_goes_away();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(offer(), 1);
    answer(1, Attempt::Kind::kRetry, i == 2 ? std::optional<Duration>(seconds{3}) : std::nullopt);
    if (i < 2) clock.advance(milliseconds{101});
    if (i < 2) (void)route->step(1, Duration::zero(), clock);
    if (i < 2) {
      ASSERT_EQ(offer(), 0);
      answer(0, Attempt::Kind::kRetry);
    }
  }
  EXPECT_EQ(offer(), -1);
  const auto resumes = route->resumes_at(clock.now());
  ASSERT_TRUE(resumes.has_value());
  EXPECT_LE(*resumes - clock.now(), milliseconds{100}) << "the first one's, which is sooner";
  pause_is_over();
  EXPECT_EQ(offer(), 0);
}

TEST_F(RouteTest, round_robin_goes_from_one_to_the_next) {
  make(RouteOrder::kRoundRobin, 3, 8);
  std::vector<int> chosen;
  for (int i = 0; i < 7; ++i) chosen.push_back(offer());
  EXPECT_EQ(chosen, (std::vector<int>{0, 1, 2, 0, 1, 2, 0}));
}

TEST_F(RouteTest, round_robin_leaves_out_one_that_is_busy) {
  make(RouteOrder::kRoundRobin, 3);
  EXPECT_EQ(offer(), 0);  // which does not answer
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(offer(), 1);
    EXPECT_EQ(offer(), 2);
    EXPECT_EQ(offer(), -1);
    answer(1, Attempt::Kind::kDelivered);
    answer(2, Attempt::Kind::kDelivered);
  }
  answer(0, Attempt::Kind::kDelivered);
  EXPECT_EQ(offer(), 0);
}

TEST_F(RouteTest, round_robin_leaves_out_one_that_failed_until_its_pause_is_over) {
  make(RouteOrder::kRoundRobin, 2, 8);
  EXPECT_EQ(offer(), 0);
  answer(0, Attempt::Kind::kRetry);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(offer(), 1);
  pause_is_over();
  EXPECT_EQ(offer(), 0);
  EXPECT_EQ(offer(), 1);
  EXPECT_EQ(offer(), 1) << "one probe, and not more";
  answer(0, Attempt::Kind::kDelivered);
  EXPECT_EQ(offer(), 0);
}

TEST_F(RouteTest, halves_of_a_split_batch_count_as_under_way_until_each_has_ended) {
  Route& route = make(RouteOrder::kFailover, 1, 4);
  EXPECT_EQ(offer(), 0);
  EXPECT_EQ(route.destinations()[0].under_way, 1u);
  answer(0, Attempt::Kind::kFailed);
  EXPECT_EQ(route.destinations()[0].under_way, 0u);
}

}  // namespace
}  // namespace forebay::pipeline
