// Loggers before the start, the process default, several collectors, the end.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "balanced.h"
#include "encode/wire_reader.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The handler below emits outside emit too, where the slow path may allocate. The thread that it
// interrupts allocates nothing, so that this is safe here; ThreadSanitizer cannot know.
extern "C" const char* __tsan_default_options() { return "report_signal_unsafe=0"; }
#endif
#endif

namespace forebay {
namespace {

using LifetimeTest = BalancedTest;

TEST_F(LifetimeTest, what_was_emitted_before_the_start_is_counted_not_started_in_the_default) {
  forebay_logger* logger = api.logger(nullptr, "lifetime.early");
  const forebay_site* site = api.site("early", 17);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_NOT_STARTED);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_NOT_STARTED);
  api.table->count_not_started(9, 5);
  forebay_collector* collector = create();
  api.table->collector_set_default(collector);
  EXPECT_EQ(api.stat(collector, "refused.not_started"), 7);
  EXPECT_EQ(api.stat(collector, "by_severity.error.refused.not_started"), 2);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  // The same figures once there is a ledger to hold them.
  EXPECT_EQ(api.stat(collector, "refused.not_started"), 7);
  EXPECT_EQ(api.stat(collector, "emitted"), 8);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(api.stat(collector, "delivered"), 1);
}

TEST_F(LifetimeTest, a_logger_of_the_default_follows_it_to_another_collector) {
  forebay_logger* logger = api.logger(nullptr, "lifetime.follows");
  const forebay_site* site = api.site("follows");
  forebay_collector* first = create();
  forebay_collector* second = create();
  api.table->collector_set_default(first);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  api.table->collector_set_default(second);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.stat(first, "emitted"), 1);
  EXPECT_EQ(api.stat(second, "emitted"), 2);
  forebay_collector* asked = api.table->collector_default();
  EXPECT_EQ(asked, second);
  api.table->collector_release(asked);
  api.table->collector_set_default(nullptr);
  EXPECT_EQ(api.table->collector_default(), nullptr);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_NOT_STARTED);
  api.table->collector_set_default(second);  // has what nobody had
  EXPECT_EQ(api.stat(second, "refused.not_started"), 1);
}

TEST_F(LifetimeTest, emit_after_shutdown_is_refused_and_counted) {
  forebay_collector* collector = create();
  forebay_logger* logger = api.logger(collector, "lifetime.after");
  const forebay_site* site = api.site("after");
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  Api::Numbers receipt;
  EXPECT_TRUE(api.shutdown(collector, 30, &receipt));
  EXPECT_EQ(receipt["complete"], 1);
  EXPECT_EQ(receipt["delivered"], 1);
  EXPECT_EQ(receipt["held"], -1);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(api.stat(collector, "refused.shutdown"), 2);
  EXPECT_TRUE(api.shutdown(collector, 30)) << "a second shutdown finds all done";
}

TEST_F(LifetimeTest, a_shutdown_with_less_time_ends_the_one_that_is_under_way) {
  // The destination is away, so the first one would wait without end.
  forebay_collector* collector = create({{"exporter.type", std::string("otlp_http")},
                                         {"exporter.endpoint", std::string("http://127.0.0.1:1")}});
  forebay_logger* logger = api.logger(collector, "lifetime.hurried");
  EXPECT_EQ(api.emit(logger, api.site("held")), FOREBAY_ACCEPTED);
  Api::Numbers first;
  std::thread ending([&] { EXPECT_FALSE(api.shutdown(collector, -1, &first)); });
  // Loggers are unbound once it has begun.
  while (std::atomic_ref(*const_cast<uint32_t*>(logger->level)).load() != 0) {
    std::this_thread::yield();
  }
  Api::Numbers second;
  EXPECT_FALSE(api.shutdown(collector, 0.1, &second));
  ending.join();
  Api::Numbers again;
  EXPECT_FALSE(api.shutdown(collector, 30, &again));
  for (Api::Numbers* receipt : {&first, &second, &again}) {
    EXPECT_EQ((*receipt)["dropped.shutdown"], 1);
    EXPECT_EQ((*receipt)["held"], -1);
    EXPECT_EQ((*receipt)["complete"], 0);
  }
  EXPECT_EQ(first, second);
  EXPECT_EQ(first, again);
}

TEST_F(LifetimeTest, a_second_start_after_the_shutdown_of_the_first_binds_loggers_anew) {
  forebay_logger* logger = api.logger(nullptr, "lifetime.again");
  const forebay_site* site = api.site("again");
  forebay_collector* first = create();
  api.table->collector_set_default(first);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.shutdown(first, 30));
  EXPECT_EQ(api.emit(logger, site), FOREBAY_REFUSED_SHUTDOWN);
  forebay_collector* second = create();
  api.table->collector_set_default(second);
  EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.flush(second, 30));
  EXPECT_EQ(api.stat(second, "delivered"), 1);
  EXPECT_EQ(api.stat(first, "delivered"), 1);
}

TEST_F(LifetimeTest, two_collectors_in_one_process_know_nothing_of_each_other) {
  forebay_collector* a = create();
  forebay_collector* b =
      create({{"lanes[0].name", std::string("only")}, {"lanes[0].queue_records", int64_t{64}}});
  forebay_logger* to_a = api.logger(a, "lifetime.two");
  forebay_logger* to_b = api.logger(b, "lifetime.two");
  EXPECT_NE(to_a, to_b);
  const forebay_site* site = api.site("two");
  // One thread that goes to and fro between them.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(api.emit(to_a, site), FOREBAY_ACCEPTED);
    if (i % 2 == 0) {
      EXPECT_EQ(api.emit(to_b, site), FOREBAY_ACCEPTED);
    }
  }
  EXPECT_TRUE(api.flush(a, 30));
  EXPECT_TRUE(api.flush(b, 30));
  EXPECT_EQ(api.stat(a, "delivered"), 20);
  EXPECT_EQ(api.stat(b, "delivered"), 10);
  EXPECT_NE(api.text_of(a, "instance_id"), api.text_of(b, "instance_id"));
}

TEST_F(LifetimeTest, what_a_thread_emitted_is_not_lost_when_it_ends) {
  forebay_collector* collector = create();
  forebay_logger* logger = api.logger(collector, "lifetime.exit");
  const forebay_site* site = api.site("exit");
  for (int round = 0; round < 50; ++round) {
    std::thread([&] {
      for (int i = 0; i < 3; ++i) EXPECT_EQ(api.emit(logger, site), FOREBAY_ACCEPTED);
    }).join();
  }
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(api.stat(collector, "delivered"), 150);
}

TEST_F(LifetimeTest, records_below_the_level_are_not_emitted) {
  forebay_collector* collector = create();
  forebay_logger* logger = api.logger(collector, "lifetime.level", 13);
  EXPECT_EQ(api.emit(logger, api.site("info", 9)), FOREBAY_DISABLED);
  EXPECT_EQ(api.emit(logger, api.site("warn", 13)), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.emit(logger, api.site("info", 9)), FOREBAY_DISABLED);
  EXPECT_EQ(api.stat(collector, "emitted"), 1);
}

// -- a signal handler that logs ----------------------------------------------------------------

const Api* signal_api = nullptr;
forebay_logger* signal_logger = nullptr;
const forebay_site* signal_site = nullptr;
std::atomic<int64_t> signal_accepted{0};
std::atomic<int64_t> signal_reentrant{0};

void log_in_handler(int) {
  const int before = errno;
  const int32_t answer =
      signal_api->table->emit(signal_logger, signal_site, nullptr, 0, nullptr, 0);
  if (answer == FOREBAY_ACCEPTED) ++signal_accepted;
  if (answer == FOREBAY_REFUSED_REENTRANT) ++signal_reentrant;
  errno = before;
}

TEST_F(LifetimeTest, a_signal_handler_that_logs_inside_emit_is_refused_and_breaks_nothing) {
  forebay_collector* collector = create(
      {{"lanes[0].name", std::string("only")}, {"lanes[0].on_full[0]", std::string("block")}});
  signal_api = &api;
  signal_logger = api.logger(collector, "lifetime.signal");
  signal_site = api.site("in the handler");
  signal_accepted = signal_reentrant = 0;
  struct sigaction action {};
  action.sa_handler = log_in_handler;
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);

  std::atomic<bool> stop{false};
  std::atomic<int64_t> emitted{0};
  std::thread target([&] {
    const std::string body(2000, 'x');
    const forebay_value value = text_value(body);
    // Allocates nothing besides emit: a handler that emits (and then takes the slow path) must not
    // interrupt malloc, nor a thread's first emit.
    while (!stop.load(std::memory_order_relaxed)) {
      const int32_t answer = api.table->emit(signal_logger, signal_site, &value, 1, nullptr, 0);
      if (answer == FOREBAY_ACCEPTED) ++emitted;
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (emitted.load() == 0) std::this_thread::yield();
  for (int sent = 0;
       (sent < 500 || signal_reentrant.load() == 0) && std::chrono::steady_clock::now() < deadline;
       ++sent) {
    pthread_kill(target.native_handle(), SIGUSR1);
    if (sent % 100 == 0) (void)api.take(collector);
    std::this_thread::yield();
  }
  stop = true;
  (void)api.take(collector);
  target.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_GT(signal_reentrant.load(), 0);
  EXPECT_EQ(api.stat(collector, "refused.reentrant"), signal_reentrant.load());
  EXPECT_EQ(api.stat(collector, "emitted"),
            emitted.load() + signal_accepted.load() + signal_reentrant.load());
}

}  // namespace
}  // namespace forebay
