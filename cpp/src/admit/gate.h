// The rules of admission of one collector's life, and the threads that follow them.
//
// Decisions are made by each thread alone, in its ThreadGate. What threads share is here: the
// rules, which never change, the buckets of the limits, and the list of all thread gates, from
// which the drain thread collects what is to be told.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "admit/lane_rules.h"
#include "admit/sampling_rule.h"
#include "admit/token_bucket.h"
#include "base/ticks.h"

namespace forebay::admit {

class ThreadGate;

struct GateOptions {
  std::vector<LaneRule> lanes;
  std::vector<std::optional<RateLimitOptions>> limits;  // by lane; shorter: the rest have none
  std::vector<SamplingRule> sampling;
};

// What the rules mean for one logger, worked out once for it. Immutable.
struct LoggerRules {
  // For each severity number, whether a record must be looked at at all.
  std::array<bool, 25> has_rules{};
  LaneTable lanes{};
  std::string_view logger;  // lives as long as this
  uint32_t scope = 0;
};

class Gate {
 public:
  // `ticks` must live as long as this. Keeps what it is given, and needs it validated.
  Gate(GateOptions options, const TickSource& ticks);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // `logger` must live as long as what is returned.
  [[nodiscard]] LoggerRules rules_of(std::string_view logger, uint32_t scope) const noexcept;
  [[nodiscard]] bool has_rules() const noexcept {
    return !options_.sampling.empty() || has_limits_ || has_lane_attributes_;
  }

  // -- threads --
  // A thread's own state: that of a thread that has ended, with all that it counted, or a new one.
  // Null where memory ran out.
  ThreadGate* lease() noexcept;
  void give_back(ThreadGate* thread) noexcept;

  // -- the drain thread --
  // Moves the epoch on: what threads have put aside of a limit goes back, and time is read anew.
  void advance_epoch() noexcept { epoch_.fetch_add(1, std::memory_order_relaxed); }
  // All thread gates there are. They live as long as this.
  [[nodiscard]] std::vector<ThreadGate*> threads() const;
  // Records that sampling rules let go, and that nothing stands for yet. Any thread.
  [[nodiscard]] uint64_t pending() const;

  // -- for ThreadGate --
  [[nodiscard]] const GateOptions& options() const noexcept { return options_; }
  [[nodiscard]] const TickSource& ticks() const noexcept { return ticks_; }
  [[nodiscard]] uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint32_t leased() const noexcept { return leased_.load(std::memory_order_relaxed); }
  // Only where there are rules.
  [[nodiscard]] MonotonicTime time_of(uint64_t ticks) const noexcept {
    return converter_->monotonic(ticks);
  }
  [[nodiscard]] uint64_t ticks_in(Duration duration) const noexcept {
    return static_cast<uint64_t>(static_cast<double>(duration.count()) *
                                 converter_->ticks_per_ns());
  }
  [[nodiscard]] const RateLimitOptions* limit_of(uint32_t lane) const noexcept {
    return lane < options_.limits.size() && options_.limits[lane] ? &*options_.limits[lane]
                                                                  : nullptr;
  }
  // The bucket of a lane's limit for that logger and call site. May throw std::bad_alloc.
  TokenBucket& bucket(uint32_t lane, uint32_t scope, const model::Site* site);

  // Buckets of one lane; what comes beyond shares one.
  static constexpr size_t kMaxBuckets = 65'536;

 private:
  using Buckets = std::unordered_map<uint64_t, std::unique_ptr<TokenBucket>>;

  const GateOptions options_;
  const TickSource& ticks_;
  // Never renewed, so that any thread may read it: its rate is right to a ten-thousandth.
  std::optional<TickConverter> converter_;
  bool has_limits_ = false;
  bool has_lane_attributes_ = false;
  // Read by threads at each record that rules may concern, written ten times a second.
  alignas(64) std::atomic<uint32_t> epoch_{1};
  std::atomic<uint32_t> leased_{0};

  alignas(64) mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ThreadGate>> threads_;
  std::vector<ThreadGate*> given_back_;
  std::vector<Buckets> buckets_;  // by lane
};

}  // namespace forebay::admit
