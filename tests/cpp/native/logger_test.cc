// Macros, functions and handles, over the real core.
#include "forebay/logger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Outcome;
using forebay::Severity;
using namespace std::chrono_literals;

constinit forebay::Logger log_static{"native.static"};

Collector logging_collector() {
  auto made = Collector::create(
      {.service_name = "native", .exporter = forebay::MemoryExporter{}, .ledger_in_memory = true});
  EXPECT_TRUE(made.is_ok()) << made.message();
  return *made;
}

// Everything delivered so far, as bytes of OTLP: strings are in it as they are.
std::string delivered(const Collector& collector) {
  EXPECT_TRUE(collector.flush(30s).complete);
  std::string all;
  for (const std::string& batch : collector.take_memory()) all += batch;
  return all;
}

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

void expect_log_balance(const Collector& collector) {
  EXPECT_TRUE(collector.audit().balanced);
  EXPECT_EQ(collector.stats().difference(), 0);
}

TEST(LoggerTest, a_static_logger_counts_not_started_and_binds_when_a_default_comes) {
  // A test before this one, in the same process, may have left its collector as the default.
  forebay_get_api(FOREBAY_ABI_VERSION)->collector_set_default(nullptr);
  EXPECT_EQ(FOREBAY_INFO(log_static, "too early", {"n", 1}).code(), FOREBAY_REFUSED_NOT_STARTED);
  EXPECT_EQ(log_static.error("too early").code(), FOREBAY_REFUSED_NOT_STARTED);
  EXPECT_EQ(log_static.trace("below the level").code(), FOREBAY_DISABLED);
  const Collector collector = logging_collector();
  collector.set_default();
  EXPECT_TRUE(FOREBAY_INFO(log_static, "in time", {"n", 2}).is_accepted());
  const std::string bytes = delivered(collector);
  EXPECT_EQ(occurrences(bytes, "in time"), 1U);
  EXPECT_EQ(occurrences(bytes, "native.static"), 1U);
  EXPECT_EQ(occurrences(bytes, "too early"), 0U);
  const forebay::Stats stats = collector.stats();
  EXPECT_EQ(stats.emitted(), 3);
  EXPECT_EQ(stats.refused("not_started"), 2);
  EXPECT_EQ(stats.severity("info").refused(), 1);
  EXPECT_EQ(stats.severity("error").refused(), 1);
  EXPECT_EQ(stats.delivered(), 1);
  expect_log_balance(collector);
  collector.shutdown(5s);
  EXPECT_EQ(FOREBAY_INFO(log_static, "too late").code(), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(collector.stats().refused("shutdown"), 1);
  expect_log_balance(collector);
}

TEST(LoggerTest, arguments_are_evaluated_only_while_the_level_is_on) {
  const Collector collector = logging_collector();
  const forebay::Logger log = collector.logger("native.lazy", Severity::kWarn);
  int evaluated = 0;
  const auto costly = [&] { return ++evaluated; };
  EXPECT_TRUE(FOREBAY_WARN(log, "on", {"n", costly()}).is_accepted());
  EXPECT_EQ(evaluated, 1);
  EXPECT_TRUE(FOREBAY_INFO(log, "off", {"n", costly()}).is_disabled());
  EXPECT_EQ(evaluated, 1);
  static forebay::Logger unbound{"native.unbound.lazy", Severity::kError};
  EXPECT_TRUE(FOREBAY_WARN(unbound, "off before it is bound", {"n", costly()}).is_disabled());
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(collector.stats().emitted(), 1);
}

TEST(LoggerTest, message_keys_values_and_place_arrive) {
  const Collector collector = logging_collector();
  const forebay::Logger log = collector.logger("native.fields", Severity::kTrace, "4.5.6");
  {
    std::string gone = "a value that is freed before it is sent";
    FOREBAY_INFO(log, "the message", {"the.key", gone}, {"large", UINT64_MAX});
    gone.assign(gone.size(), '#');
  }
  FOREBAY_TRACE(log, "no fields");
  const std::string bytes = delivered(collector);
  for (const char* part :
       {"the message", "the.key", "a value that is freed before it is sent", "18446744073709551615",
        "native.fields", "4.5.6", "no fields", "logger_test.cc", "TestBody"}) {
    EXPECT_GE(occurrences(bytes, part), 1U) << part;
  }
}

TEST(LoggerTest, a_structured_binding_and_a_nested_record_are_fine_arguments) {
  const Collector collector = logging_collector();
  const forebay::Logger log = collector.logger("native.nested");
  const auto [first, second] = std::pair<int, std::string>{1, "two"};
  FOREBAY_INFO(log, "outer", {"first", first}, {"second", second},
               {"inner", [&] { return FOREBAY_INFO(log, "inner").is_accepted(); }()});
  EXPECT_EQ(collector.stats().emitted(), 2);
  const std::string bytes = delivered(collector);
  EXPECT_EQ(occurrences(bytes, "outer"), 1U);
}

TEST(LoggerTest, functions_carry_text_attributes_and_the_place_of_the_call) {
  const Collector collector = logging_collector();
  const forebay::Logger log = collector.logger("native.functions");
  const std::string text = "made at run time";
  EXPECT_TRUE(log.warn(text, {{"key.of.mine", "value of mine"}}).is_accepted());
  const std::string key = "key made at run time";
  EXPECT_TRUE(log.emit(Severity::kError, "emit", {{key, 7}}).is_accepted());
  const std::string bytes = delivered(collector);
  for (const char* part : {"made at run time", "key.of.mine", "value of mine", "logger_test.cc",
                           "code.line.number", "key made at run time"}) {
    EXPECT_GE(occurrences(bytes, part), 1U) << part;
  }
}

TEST(LoggerTest, a_record_may_have_ids_an_event_name_and_a_hundred_attributes) {
  const Collector collector = logging_collector();
  const forebay::Logger log = collector.logger("native.records");
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("attribute." + std::to_string(i) + ".");
  std::vector<forebay::Attribute> attributes;
  for (const std::string& key : keys) attributes.push_back({key, 1});
  forebay::Record record;
  record.severity = Severity::kError;
  record.body = "the body";
  record.attributes = attributes;
  record.trace_id.fill('T');
  record.span_id.fill('S');
  record.event_name = "the.event";
  EXPECT_TRUE(log.emit(record).is_accepted());
  const std::string bytes = delivered(collector);
  EXPECT_EQ(occurrences(bytes, "the body"), 1U);
  EXPECT_EQ(occurrences(bytes, "the.event"), 1U);
  EXPECT_EQ(occurrences(bytes, std::string(16, 'T')), 1U);
  EXPECT_EQ(occurrences(bytes, std::string(8, 'S')), 1U);
  for (const std::string& key : keys) EXPECT_EQ(occurrences(bytes, key), 1U) << key;
}

TEST(LoggerTest, threads_that_race_to_a_new_site_all_emit) {
  const Collector collector = logging_collector();
  collector.set_default();
  static constinit forebay::Logger log{"native.race"};
  std::atomic<bool> is_open{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      while (!is_open.load()) std::this_thread::yield();
      EXPECT_TRUE(FOREBAY_INFO(log, "raced for", {"thread", t}).is_accepted());
    });
  }
  is_open = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(occurrences(delivered(collector), "raced for"), 8U);
  EXPECT_EQ(collector.stats().delivered(), 8);
  expect_log_balance(collector);
}

TEST(LoggerTest, a_name_made_at_run_time_may_go_before_the_record_is_sent) {
  const Collector collector = logging_collector();
  collector.set_default();
  const forebay::Logger log = [] {
    const std::string name = "native.plugin." + std::to_string(7);
    return forebay::Logger::named(name);
  }();
  FOREBAY_INFO(log, "from a plugin");
  EXPECT_EQ(occurrences(delivered(collector), "native.plugin.7"), 1U);
}

TEST(OutcomeTest, each_answer_has_the_ledgers_name_and_one_kind) {
  EXPECT_EQ(Outcome(FOREBAY_ACCEPTED).name(), "accepted");
  EXPECT_TRUE(Outcome(FOREBAY_ACCEPTED));
  for (const int32_t code : {FOREBAY_REFUSED_QUEUE_FULL, FOREBAY_REFUSED_REENTRANT}) {
    EXPECT_TRUE(Outcome(code).is_refused());
    EXPECT_FALSE(Outcome(code).is_dropped());
    EXPECT_TRUE(Outcome(code).name().starts_with("refused."));
  }
  for (const int32_t code : {FOREBAY_DROPPED_QUEUE_FULL_NEWEST, FOREBAY_DROPPED_ENCODE_ERROR}) {
    EXPECT_TRUE(Outcome(code).is_dropped());
    EXPECT_FALSE(Outcome(code).is_refused());
    EXPECT_TRUE(Outcome(code).name().starts_with("dropped."));
  }
}

}  // namespace
