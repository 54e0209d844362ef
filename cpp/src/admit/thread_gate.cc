#include "admit/thread_gate.h"

#include <cmath>
#include <cstring>
#include <new>

namespace forebay::admit {
namespace {

using Kind = SamplingRule::Kind;

// Of an interval, how long a reading of the clock is good for, where records come fast: a burst
// ends that much later, and a limit of burst 1 admits that much less.
constexpr uint64_t kPatienceOfBurst = 64;
constexpr uint64_t kPatienceOfLimit = 512;

bool has_trace_id(const model::RecordInput& record) noexcept {
  if (record.extra == nullptr) return false;
  uint64_t words[2];
  std::memcpy(words, record.extra->trace_id, sizeof words);
  return (words[0] | words[1]) != 0;
}

// ratio * 2^64, rounded up: of a tenth it is the eleventh record that is kept after the first, not
// the twelfth.
uint64_t step_of(double ratio) noexcept {
  const double scaled = std::ldexp(ratio, 64);
  if (scaled <= 0.0) return 0;
  if (scaled >= std::ldexp(1.0, 64) - 4096) return UINT64_MAX;
  return static_cast<uint64_t>(scaled) + 1024;
}

template <typename Cell>
void link(std::atomic<Cell*>& head, Cell* cell) noexcept {
  cell->next = head.load(std::memory_order_relaxed);
  head.store(cell, std::memory_order_release);
}

template <typename Cell>
void delete_all(Cell* cell) noexcept {
  while (cell != nullptr) delete std::exchange(cell, cell->next);
}

}  // namespace

ThreadGate::~ThreadGate() {
  delete_all(samples_.load());
  delete_all(limited_.load());
}

bool ThreadGate::sample(const SiteRules& rules, const model::RecordInput& record,
                        Permit& permit) noexcept {
  for (const SiteRules::Sampling& sampling : rules.sampling) {
    if (!sampling.conditions.are_met_by(record)) continue;
    if (sampling.kind == Kind::kTraceRatio) {
      if (!has_trace_id(record)) continue;
      if (!keeps_trace(record.extra->trace_id, sampling.halvings)) return false;
      permit.weight = uint64_t{1} << sampling.halvings;
      return true;
    }
    if (sampling.cell == nullptr) return true;
    SampleCell& cell = *sampling.cell;
    bool is_kept = false;
    if (sampling.kind == Kind::kRatio) {
      const uint64_t before = cell.accumulator;
      cell.accumulator += cell.step;
      is_kept = cell.accumulator < before;
    } else {
      is_kept = keeps_of_burst(sampling);
    }
    if (!is_kept) {
      cell.suppressed.add();
      return false;
    }
    permit.sampling = &sampling;
    permit.weight = 1 + cell.suppressed.claim();
    return true;
  }
  return true;
}

bool ThreadGate::keeps_of_burst(const SiteRules::Sampling& sampling) noexcept {
  SampleCell& cell = *sampling.cell;
  const uint32_t epoch = gate_.epoch();
  if (cell.clock.must_read(epoch)) {
    const uint64_t now = gate_.ticks().now();
    // Signed: the stamp of another core may be a little behind.
    const auto passed = static_cast<int64_t>(now - cell.interval_start);
    if (passed >= static_cast<int64_t>(sampling.interval_ticks)) {
      cell.interval_start = now;
      cell.count = 0;
      cell.next_kept = sampling.first + sampling.then_every;
    }
    cell.clock.has_read(now, epoch, sampling.interval_ticks / kPatienceOfBurst);
  }
  if (++cell.count <= sampling.first) return true;
  if (cell.count != cell.next_kept) return false;
  cell.next_kept += sampling.then_every;
  return true;
}

bool ThreadGate::refill(TokenCell& cell, uint32_t epoch) noexcept {
  if (cell.tokens != 0) {
    cell.bucket->give_back(std::exchange(cell.tokens, 0));
  } else if (!cell.clock.must_read(epoch)) {
    return false;
  }
  const uint64_t now = gate_.ticks().now();
  const uint32_t taken = cell.bucket->take_chunk(gate_.leased(), gate_.time_of(now));
  if (taken == 0) {
    cell.clock.has_read(now, epoch, cell.patience_ticks);
    return false;
  }
  cell.tokens = taken - 1;
  cell.epoch = epoch;
  cell.clock.stop_skipping();
  return true;
}

void ThreadGate::undo(Permit permit) noexcept {
  lost(permit);
  if (permit.tokens != nullptr) ++permit.tokens->tokens;
  if (permit.sampling == nullptr) return;
  SampleCell& cell = *permit.sampling->cell;
  if (permit.sampling->kind == Kind::kRatio) {
    cell.accumulator -= cell.step;
    return;
  }
  if (cell.count > permit.sampling->first) cell.next_kept -= permit.sampling->then_every;
  --cell.count;
}

void ThreadGate::return_tokens() noexcept {
  for (const auto& [bucket, cell] : tokens_) {
    if (cell->tokens != 0) cell->bucket->give_back(std::exchange(cell->tokens, 0));
  }
}

const SiteRules* ThreadGate::find_rules(const LoggerRules& logger,
                                        const model::RecordInput& record) noexcept try {
  const model::Site* site = record.site;
  auto found = rules_.find({site, &logger, record.severity});
  if (found == rules_.end()) {
    // Once there are too many, a further site has the rules of none.
    if (rules_.size() >= kMaxSiteRules && site != nullptr) {
      model::RecordInput without_site = record;
      without_site.site = nullptr;
      return find_rules(logger, without_site);
    }
    found =
        rules_
            .emplace(Key{site, &logger, record.severity}, make_rules(logger, site, record.severity))
            .first;
  }
  recent_[slot_of(site, &logger, record.severity)] = found->second.get();
  return found->second.get();
} catch (const std::bad_alloc&) {
  return nullptr;
}

SiteRules::Quick ThreadGate::quick_of(SiteRules& rules, bool has_extra) {
  using Quick = SiteRules::Quick;
  const Quick without_sampling =
      rules.last_lane->tokens != nullptr ? Quick::kToken : Quick::kNothing;
  const auto unlike = [&](const SiteConditions& conditions) {
    const auto single = conditions.single();
    // Of a watched site the value may be another one by the time that it is asked about.
    const bool is_watched =
        rules.site != nullptr && rules.site->is_watched.load(std::memory_order_relaxed);
    if (!single || has_extra || is_watched || without_sampling != Quick::kNothing) {
      return Quick::kNo;
    }
    rules.unlike = *single;
    return Quick::kUnlike;
  };
  std::vector<const SiteRules::Sampling*> asked;
  for (const SiteRules::Sampling& sampling : rules.sampling) {
    const bool cannot_match = !has_extra && (sampling.kind == Kind::kTraceRatio ||
                                             sampling.conditions.ask_only_for_own_values());
    if (!cannot_match) asked.push_back(&sampling);
  }
  if (!rules.has_one_lane) {
    return rules.lanes.size() == 2 && asked.empty() ? unlike(rules.lanes[0].conditions)
                                                    : Quick::kNo;
  }
  if (asked.empty()) return without_sampling;
  const SiteRules::Sampling& first = *asked.front();
  if (asked.size() != 1) return Quick::kNo;
  if (!first.conditions.empty()) return unlike(first.conditions);
  if (first.kind != Kind::kBurst || without_sampling != Quick::kNothing) return Quick::kNo;
  rules.quick_burst = &first;
  rules.quick_cell = first.cell;
  rules.quick_first = first.first;
  return Quick::kBurst;
}

std::unique_ptr<SiteRules> ThreadGate::make_rules(const LoggerRules& logger,
                                                  const model::Site* site, uint32_t severity) {
  auto rules = std::make_unique<SiteRules>();
  rules->site = site;
  rules->logger = &logger;
  rules->severity = severity;
  const GateOptions& options = gate_.options();
  for (const uint8_t lane : lanes_by_attribute(options.lanes, logger.logger, severity)) {
    add_lane(*rules, lane, options.lanes[lane].attributes);
  }
  add_lane(*rules, logger.lanes[severity], {});
  for (uint32_t i = 0; i < options.sampling.size(); ++i) {
    const SamplingRule& rule = options.sampling[i];
    if (!rule.may_match(logger.logger, severity)) continue;
    if (rule.keeps_everything() && rule.attributes.empty()) break;
    SiteRules::Sampling& sampling = rules->sampling.emplace_back();
    sampling.kind = rule.kind;
    sampling.conditions = SiteConditions(rule.attributes, site);
    if (rule.kind == Kind::kTraceRatio) {
      sampling.halvings = rule.halvings();
      continue;  // records without a trace id pass on
    }
    sampling.first = rule.first;
    // Beyond what is ever counted: nothing is kept after the first.
    sampling.then_every = rule.then_every != 0 ? rule.then_every : uint64_t{1} << 63;
    sampling.interval_ticks = gate_.ticks_in(rule.interval);
    if (rule.kind == Kind::kBurst || rule.ratio < 1.0) sampling.cell = sample_cell(i, *rules);
    if (rule.attributes.empty()) break;
  }
  rules->has_one_lane = rules->lanes.size() == 1;
  rules->has_sampling = !rules->sampling.empty();
  rules->last_lane = &rules->lanes.back();
  rules->quick_tokens = rules->last_lane->tokens;
  rules->quick = {quick_of(*rules, false), quick_of(*rules, true)};
  return rules;
}

void ThreadGate::add_lane(SiteRules& rules, uint32_t lane,
                          const std::vector<AttributeRule>& conditions) {
  SiteRules::Lane& added = rules.lanes.emplace_back();
  added.lane = lane;
  added.conditions = SiteConditions(conditions, rules.site);
  if (gate_.limit_of(lane) == nullptr) return;
  added.tokens = token_cell(gate_.bucket(lane, rules.logger->scope, rules.site));
  added.limited = limited_cell(lane, rules);
}

SampleCell* ThreadGate::sample_cell(uint32_t rule, const SiteRules& rules) {
  const SamplingRule& asked = gate_.options().sampling[rule];
  const uint32_t scope = rules.logger->scope;
  const model::Site* site = asked.kind == Kind::kBurst ? rules.site : nullptr;
  SampleCell*& found = sample_by_key_[{rule, scope, site, rules.severity}];
  if (found != nullptr) return found;
  auto cell = std::make_unique<SampleCell>();
  cell->step = step_of(asked.ratio);
  cell->accumulator = uint64_t{0} - cell->step;  // the first record is kept
  cell->rule = rule;
  cell->scope = scope;
  cell->severity = rules.severity;
  cell->lane = rules.logger->lanes[rules.severity];
  link(samples_, cell.get());
  return found = cell.release();
}

TokenCell* ThreadGate::token_cell(TokenBucket& bucket) {
  std::unique_ptr<TokenCell>& cell = tokens_[&bucket];
  if (cell == nullptr) {
    cell = std::make_unique<TokenCell>();
    cell->bucket = &bucket;
    cell->patience_ticks = gate_.ticks_in(bucket.interval()) / kPatienceOfLimit;
  }
  return cell.get();
}

LimitedCell* ThreadGate::limited_cell(uint32_t lane, const SiteRules& rules) {
  const LimitedBy by = gate_.limit_of(lane)->by;
  const uint32_t scope = by == LimitedBy::kLane ? 0 : rules.logger->scope;
  const model::Site* site = by == LimitedBy::kSite ? rules.site : nullptr;
  LimitedCell*& found = limited_by_key_[{lane, scope, site, rules.severity}];
  if (found != nullptr) return found;
  auto cell = std::make_unique<LimitedCell>();
  cell->lane = lane;
  cell->severity = rules.severity;
  cell->scope = scope;
  cell->site = site;
  link(limited_, cell.get());
  return found = cell.release();
}

}  // namespace forebay::admit
