// What becomes of records when memory runs out, at every single allocation in turn.
//
// The promise: no crash, no exception out of the C ABI, and the ledger balances. A call says
// FOREBAY_UNAVAILABLE, a record ends as dropped{memory} or refused, or all goes well because
// whoever had no memory came again.
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "collector/moody_server.h"
#include "failing_memory.h"
#include "forebay/c_api.h"
#include "record_maker.h"

#include <gtest/gtest.h>

namespace forebay {
namespace {

using scarce::Who;

struct Case {
  const char* name;
  Who who;
  uint64_t count;  // of allocations that fail in a row
  bool to_a_server;
};

// More allocations than any life of a collector takes here. Beyond it the test itself is wrong.
constexpr uint64_t kTooMany = 20'000;
// Most of what a life asks for is the names of receipts and statistics, one like the other: beyond
// the first ones, which make the pipeline and emit, only some fail.
constexpr uint64_t kOneByOne = 300;
constexpr uint64_t kStride = 17;
constexpr int64_t kFlushNs = 300'000'000;

using Numbers = std::map<std::string, int64_t, std::less<>>;

void add_number(void* context, const char* name, size_t size, int64_t value) {
  const scarce::Exempt exempt;
  (*static_cast<Numbers*>(context))[std::string(name, size)] = value;
}

void add_text(void* context, const char* text, size_t size) {
  const scarce::Exempt exempt;
  static_cast<std::string*>(context)->append(text, size);
}

// A collector's whole life, through the C ABI alone, and what its caller was told.
class Life {
 public:
  explicit Life(std::string endpoint) : endpoint_(std::move(endpoint)) {
    large_.assign(12'000, 'l');
    enormous_.assign(20'000, 'e');
    const std::array<forebay_string, 1> keys{text("key")};
    forebay_site_spec spec{};
    spec.struct_size = sizeof spec;
    spec.severity = 9;
    spec.body = text("m");
    spec.keys = keys.data();
    spec.key_count = 1;
    site_ = api_->site(&spec);
  }

  bool create() {
    std::string error;
    std::vector<forebay_option> options;
    {
      const scarce::Exempt exempt;
      const auto add = [&](std::string_view path, forebay_value value) {
        options.push_back({path.data(), static_cast<uint32_t>(path.size()), 0, value});
      };
      if (endpoint_.empty()) {
        add("exporter.type", text_value("memory"));
      } else {
        add("exporter.type", text_value("otlp_http"));
        add("exporter.endpoint", text_value(endpoint_));
        add("exporter.compression", text_value("none"));  // the server reads no other
        add("retry.initial", double_value(0.001));
        add("retry.max", double_value(0.01));
      }
      add("ledger_in_memory", bool_value(true));
      add("lanes[0].name", text_value("only"));
      add("lanes[0].queue_records", int_value(1024));
      add("max_record_bytes", int_value(16'384));
    }
    const int32_t status =
        api_->collector_create(options.data(), options.size(), &collector_, add_text, &error);
    EXPECT_TRUE(status == FOREBAY_OK || status == FOREBAY_UNAVAILABLE) << status << ": " << error;
    return status == FOREBAY_OK;
  }

  void run() {
    forebay_logger_spec spec{};
    spec.struct_size = sizeof spec;
    spec.name = text("memory");
    forebay_logger* logger = api_->logger(collector_, &spec);
    // Small, with a nested text, of several slots, in a chain of runs, and one that is cut.
    for (int turn = 0; turn < 3; ++turn) {
      emit(logger, text_value("x"));
      emit(logger, text_value(large_));
      emit(logger, text_value(enormous_));
    }
    Numbers numbers;
    (void)api_->collector_flush(collector_, kFlushNs, add_number, &numbers);
    emit(logger, text_value("after"));
    api_->collector_stats(collector_, add_number, &numbers);
    api_->collector_audit(collector_, add_number, &numbers);
    std::string found;
    (void)api_->collector_text(collector_, text("last_error"), add_text, &found);
    (void)api_->collector_shutdown(collector_, kFlushNs, add_number, &numbers);
    emit(logger, text_value("late"));
  }

  // The end, with memory again: the ledger is held against what the caller was told.
  void check() {
    Numbers ended;
    (void)api_->collector_shutdown(collector_, kFlushNs, add_number, &ended);
    // What was emitted through a logger that could not be made is told to the next default.
    api_->collector_set_default(collector_);
    api_->collector_set_default(nullptr);
    Numbers audit;
    api_->collector_audit(collector_, add_number, &audit);
    Numbers stats;
    api_->collector_stats(collector_, add_number, &stats);
    EXPECT_EQ(audit["balanced"], 1);
    EXPECT_EQ(audit["difference"], 0);
    EXPECT_EQ(stats["emitted"], calls_);
    EXPECT_EQ(stats["held"], 0);
    EXPECT_EQ(stats["emitted"] + stats["internal"],  // a gap record
              stats["delivered"] + stats["refused"] + stats["dropped"] + stats["unknown"]);
    EXPECT_EQ(stats["refused.not_started"], told_[FOREBAY_REFUSED_NOT_STARTED]);
    EXPECT_EQ(stats["refused.shutdown"], told_[FOREBAY_REFUSED_SHUTDOWN]);
    EXPECT_GE(stats["dropped.memory"], told_[FOREBAY_DROPPED_MEMORY]);
    EXPECT_EQ(stats["dropped"], stats["dropped.memory"] + stats["dropped.shutdown"]);
    int64_t known = 0;
    for (const int32_t outcome : {FOREBAY_ACCEPTED, FOREBAY_REFUSED_NOT_STARTED,
                                  FOREBAY_REFUSED_SHUTDOWN, FOREBAY_DROPPED_MEMORY}) {
      known += told_[outcome];
    }
    EXPECT_EQ(known, calls_);
    if (::testing::Test::HasFailure()) {
      for (const auto& [name, value] : stats) {
        if (value != 0 && name.find('.') == std::string::npos) {
          std::fprintf(stderr, "  %s = %lld\n", name.c_str(), static_cast<long long>(value));
        }
      }
    }
    api_->collector_release(collector_);
  }

 private:
  void emit(forebay_logger* logger, forebay_value value) {
    ++calls_;
    const int32_t outcome = api_->emit(logger, site_, &value, 1, nullptr, 0);
    const scarce::Exempt exempt;
    ++told_[outcome];
  }

  const std::string endpoint_;
  const forebay_api* const api_ = forebay_get_api(FOREBAY_ABI_VERSION);
  const forebay_site* site_ = nullptr;
  forebay_collector* collector_ = nullptr;
  std::string large_;
  std::string enormous_;
  int64_t calls_ = 0;
  std::map<int32_t, int64_t> told_;
};

class EveryAllocationTest : public ::testing::TestWithParam<Case> {};

TEST_P(EveryAllocationTest, whichever_allocation_fails_nothing_crashes_and_the_ledger_balances) {
  const Case& of = GetParam();
  std::unique_ptr<MoodyServer> server;
  if (of.to_a_server) {
    server = std::make_unique<MoodyServer>(1);
    server->be_kind();
  }
  uint64_t n = 1;
  for (; n < kTooMany; n += n < kOneByOne ? 1 : kStride) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Life life(server ? server->url() : "");
    uint64_t failures = 0;
    // A thread of its own, which has yet to be bound to everything.
    std::thread([&] {
      scarce::arm(of.who, n, of.count);
      const bool is_made = life.create();
      if (is_made) life.run();
      failures = scarce::disarm();
      if (is_made) life.check();
    }).join();
    if (failures == 0 || HasFailure()) break;
  }
  EXPECT_GT(n, 10u) << "it hardly failed anything";
  EXPECT_LT(n, kTooMany);
}

TEST(MemoryTest, a_collector_that_could_not_be_made_says_so_and_leaves_nothing) {
  uint64_t n = 1;
  for (; n < kTooMany; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Life life("http://127.0.0.1:1");
    scarce::arm(Who::kCaller, n, UINT64_MAX);
    const bool is_made = life.create();
    const uint64_t failures = scarce::disarm();
    EXPECT_EQ(is_made, failures == 0);
    if (is_made) life.check();
    if (failures == 0 || HasFailure()) break;
  }
  EXPECT_GT(n, 10u) << "it hardly failed anything";
  EXPECT_LT(n, kTooMany);
}

INSTANTIATE_TEST_SUITE_P(
    Of, EveryAllocationTest,
    ::testing::Values(Case{"one_of_the_callers", Who::kCaller, 1, false},
                      Case{"all_of_the_callers_from_there", Who::kCaller, UINT64_MAX, false},
                      Case{"one_of_the_workers", Who::kWorkers, 1, false},
                      Case{"ten_of_the_workers", Who::kWorkers, 10, false},
                      Case{"one_of_the_workers_to_a_server", Who::kWorkers, 1, true},
                      Case{"ten_of_the_workers_to_a_server", Who::kWorkers, 10, true}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace forebay
