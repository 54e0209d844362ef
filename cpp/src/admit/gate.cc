#include "admit/gate.h"

#include <algorithm>
#include <new>

#include "admit/thread_gate.h"

namespace forebay::admit {

Gate::Gate(GateOptions options, const TickSource& ticks)
    : options_(std::move(options)), ticks_(ticks), buckets_(options_.limits.size()) {
  for (const auto& limit : options_.limits) has_limits_ |= limit.has_value();
  for (const LaneRule& lane : options_.lanes) has_lane_attributes_ |= !lane.attributes.empty();
  if (has_rules()) converter_.emplace(ticks);
}

Gate::~Gate() = default;

LoggerRules Gate::rules_of(std::string_view logger, uint32_t scope) const noexcept {
  LoggerRules rules;
  rules.logger = logger;
  rules.scope = scope;
  rules.lanes = lanes_for_logger(options_.lanes, logger);
  for (uint32_t severity = 0; severity < rules.has_rules.size(); ++severity) {
    const auto may_match = [&](const SamplingRule& rule) {
      return rule.may_match(logger, severity);
    };
    // The first that takes all of them decides.
    const auto decides = std::find_if(
        options_.sampling.begin(), options_.sampling.end(),
        [&](const SamplingRule& rule) { return rule.attributes.empty() && may_match(rule); });
    const auto end = decides != options_.sampling.end() && decides->keeps_everything()
                         ? decides
                         : options_.sampling.end();
    const auto asks = [&](const LaneRule& lane) {
      return !lane.attributes.empty() && severity >= lane.min_severity && lane.takes_logger(logger);
    };
    rules.has_rules[severity] = limit_of(rules.lanes[severity]) != nullptr ||
                                std::any_of(options_.sampling.begin(), end, may_match) ||
                                std::any_of(options_.lanes.begin(), options_.lanes.end(), asks);
  }
  return rules;
}

ThreadGate* Gate::lease() noexcept try {
  const std::lock_guard lock(mutex_);
  if (given_back_.empty()) {
    given_back_.reserve(threads_.size() + 1);  // so that giving back never allocates
    threads_.push_back(std::make_unique<ThreadGate>(*this));
    given_back_.push_back(threads_.back().get());
  }
  ThreadGate* const thread = given_back_.back();
  given_back_.pop_back();
  leased_.fetch_add(1, std::memory_order_relaxed);
  return thread;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void Gate::give_back(ThreadGate* thread) noexcept {
  thread->return_tokens();
  const std::lock_guard lock(mutex_);
  given_back_.push_back(thread);
  leased_.fetch_sub(1, std::memory_order_relaxed);
}

std::vector<ThreadGate*> Gate::threads() const {
  const std::lock_guard lock(mutex_);
  std::vector<ThreadGate*> all;
  all.reserve(threads_.size());
  for (const auto& thread : threads_) all.push_back(thread.get());
  return all;
}

uint64_t Gate::pending() const {
  uint64_t pending = 0;
  for (const ThreadGate* thread : threads()) {
    for (const SampleCell* cell = thread->sample_cells(); cell != nullptr; cell = cell->next) {
      pending += cell->suppressed.pending();
    }
  }
  return pending;
}

TokenBucket& Gate::bucket(uint32_t lane, uint32_t scope, const model::Site* site) {
  const RateLimitOptions& limit = *limit_of(lane);
  uint64_t key = 0;
  if (limit.by != LimitedBy::kLane) key = uint64_t{scope} + 1;
  if (limit.by == LimitedBy::kSite && site != nullptr) key |= uint64_t{site->id + 1} << 32;
  const std::lock_guard lock(mutex_);
  Buckets& buckets = buckets_[lane];
  if (buckets.size() >= kMaxBuckets && !buckets.contains(key)) key = UINT64_MAX;
  std::unique_ptr<TokenBucket>& bucket = buckets[key];
  if (bucket == nullptr) {
    try {
      bucket = std::make_unique<TokenBucket>(limit);
    } catch (...) {
      buckets.erase(key);
      throw;
    }
  }
  return *bucket;
}

}  // namespace forebay::admit
