// One thread's part of admission: what it counts, and how it decides without asking anybody.
//
// What the rules mean for a call site, a logger and a severity is worked out at the first such
// record and found again through a small table. A decision then is a few loads and one or two
// stores.
//
// Owned by the thread that leases it from the Gate. The lists of cells are read by the drain
// thread: a cell is finished before it is linked (release), and never taken out.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "admit/cells.h"
#include "admit/gate.h"
#include "model/record.h"

namespace forebay::admit {

// What the rules mean for records of one call site, logger and severity, in one thread.
struct alignas(64) SiteRules {
  struct Lane {
    uint32_t lane = 0;
    SiteConditions conditions;    // none for the last
    TokenCell* tokens = nullptr;  // null: no limit
    LimitedCell* limited = nullptr;
  };
  struct Sampling {
    SamplingRule::Kind kind = SamplingRule::Kind::kRatio;
    uint32_t halvings = 0;  // of a trace ratio
    SiteConditions conditions;
    SampleCell* cell = nullptr;  // of a counting rule; null: it keeps everything
    uint64_t first = 0;          // of a burst
    uint64_t then_every = 0;
    uint64_t interval_ticks = 0;
  };

  const model::Site* site = nullptr;
  const LoggerRules* logger = nullptr;
  uint32_t severity = 0;
  // Of `lanes` there is only one, and of `sampling` none: what most records need to know lies in
  // one cache line with the key.
  bool has_one_lane = true;
  bool has_sampling = false;
  const Lane* last_lane = nullptr;
  // How a record without and one with forebay_extra can be judged quickly: ask_quickly().
  enum class Quick : uint8_t {
    kNo,
    kNothing,  // it goes on
    kToken,    // of the last lane
    kBurst,    // quick_burst alone
    kUnlike    // it goes on where a string is of another size than all that is asked for
  };
  std::array<Quick, 2> quick{};
  SiteConditions::Single unlike;
  const Sampling* quick_burst = nullptr;
  TokenCell* quick_tokens = nullptr;
  SampleCell* quick_cell = nullptr;  // and quick_first: of quick_burst
  uint64_t quick_first = 0;
  std::vector<Lane> lanes;  // in the order in which they are asked; the last takes everything
  std::vector<Sampling> sampling;
};

// What became of a record, and what must be taken back where the queue does not take it.
struct Permit {
  enum class Answer : uint8_t { kAdmitted, kSampledOut, kRateLimited };
  Answer answer = Answer::kAdmitted;
  // How many records it stands for, itself included.
  uint64_t weight = 1;
  // The counting rule that kept it; null: none.
  const SiteRules::Sampling* sampling = nullptr;
  TokenCell* tokens = nullptr;

  // Whether the rest of its weight waits for the next record, where this one is lost.
  [[nodiscard]] bool counts() const noexcept { return sampling != nullptr; }
};

// What could be said of a record at once. Its weight is 1.
struct QuickPermit {
  SiteRules::Quick quick = SiteRules::Quick::kNo;
  const SiteRules* rules = nullptr;

  [[nodiscard]] bool is_admitted() const noexcept { return quick != SiteRules::Quick::kNo; }
  // Nothing was taken for it that undo() would have to give back.
  [[nodiscard]] bool is_free() const noexcept {
    return quick != SiteRules::Quick::kToken && quick != SiteRules::Quick::kBurst;
  }
  [[nodiscard]] Permit permit() const noexcept {
    Permit permit;
    if (quick == SiteRules::Quick::kToken) permit.tokens = rules->quick_tokens;
    if (quick == SiteRules::Quick::kBurst) permit.sampling = rules->quick_burst;
    return permit;
  }
};

class alignas(64) ThreadGate {
 public:
  explicit ThreadGate(Gate& gate) noexcept : gate_(gate) {}
  ThreadGate(const ThreadGate&) = delete;
  ThreadGate& operator=(const ThreadGate&) = delete;
  ~ThreadGate();

  // -- the owner --
  // What the rules mean for the record; null where memory ran out, and then it is let in. `record`
  // must be of that logger.
  const SiteRules* rules_for(const LoggerRules& logger, const model::RecordInput& record) noexcept {
    const SiteRules* rules = recent_[slot_of(record.site, &logger, record.severity)];
    if (rules != nullptr && rules->site == record.site && rules->logger == &logger &&
        rules->severity == record.severity) [[likely]] {
      return rules;
    }
    return find_rules(logger, record);
  }
  // What most records need: there is nothing to ask, or a token at hand, or a burst that is young.
  // Otherwise the record must be asked about in full, and nothing has changed.
  [[gnu::always_inline]] QuickPermit ask_quickly(const LoggerRules& logger,
                                                 const model::RecordInput& record) const noexcept {
    using Quick = SiteRules::Quick;
    const SiteRules* rules = recent_[slot_of(record.site, &logger, record.severity)];
    if (rules == nullptr || rules->site != record.site || rules->logger != &logger ||
        rules->severity != record.severity) {
      return {};
    }
    const Quick quick = rules->quick[record.extra != nullptr ? 1 : 0];
    if (quick == Quick::kNothing) return {quick, rules};
    if (quick == Quick::kUnlike) {
      const uint32_t index = rules->unlike.value_index;
      const bool is_unlike = index < record.value_count &&
                             record.values[index].type == FOREBAY_STRING &&
                             record.values[index].size != rules->unlike.size;
      return {is_unlike ? quick : Quick::kNo, rules};
    }
    if (quick == Quick::kToken) {
      TokenCell& cell = *rules->quick_tokens;
      if (cell.tokens == 0 || cell.epoch != gate_.epoch()) return {};
      --cell.tokens;
      return {quick, rules};
    }
    if (quick == Quick::kBurst) {
      SampleCell& cell = *rules->quick_cell;
      if (cell.count >= rules->quick_first || !cell.suppressed.is_empty() ||
          !cell.clock.may_skip(gate_.epoch())) {
        return {};
      }
      cell.clock.skip();
      ++cell.count;
      return {quick, rules};
    }
    return {};
  }
  static const SiteRules::Lane& lane_of(const SiteRules& rules,
                                        const model::RecordInput& record) noexcept {
    if (rules.has_one_lane) [[likely]]
      return *rules.last_lane;
    size_t i = 0;
    while (i + 1 < rules.lanes.size() && !rules.lanes[i].conditions.are_met_by(record)) ++i;
    return rules.lanes[i];
  }
  // Sampling first, then the limit of the lane. What is let go is counted for whoever collects; the
  // ledger is the caller's.
  // Fills in `permit`, which must be new: handed back by value it would be copied in other widths
  // than it was written in, and wait for that (7 ns).
  void ask(const SiteRules& rules, const SiteRules::Lane& lane, const model::RecordInput& record,
           Permit& permit) noexcept {
    if (rules.has_sampling && !sample(rules, record, permit)) {
      permit.answer = Permit::Answer::kSampledOut;
      return;
    }
    if (lane.tokens == nullptr) return;
    if (take_token(*lane.tokens)) {
      permit.tokens = lane.tokens;
      return;
    }
    lost(permit);
    lane.limited->add();
    permit.answer = Permit::Answer::kRateLimited;
  }
  // The queue lost the record: what it was to stand for waits for the next one that is kept.
  static void lost(Permit permit) noexcept {
    if (permit.counts() && permit.weight > 1) {
      permit.sampling->cell->suppressed.give_back(permit.weight - 1);
    }
  }
  // The record never was: the caller will come again with it.
  static void undo(Permit permit) noexcept;
  // Gives unspent tokens back to their buckets.
  void return_tokens() noexcept;

  // -- anyone --
  [[nodiscard]] SampleCell* sample_cells() const noexcept {
    return samples_.load(std::memory_order_acquire);
  }
  [[nodiscard]] LimitedCell* limited_cells() const noexcept {
    return limited_.load(std::memory_order_acquire);
  }

  // Sites that a thread keeps rules for; those beyond share what a record without a site has.
  static constexpr size_t kMaxSiteRules = 65'536;

 private:
  struct Key {
    const model::Site* site;
    const LoggerRules* logger;
    uint32_t severity;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const noexcept {
      return hash(key.site, key.logger, key.severity);
    }
  };
  static constexpr unsigned kRecentBits = 8;

  static uint64_t hash(const void* site, const void* logger, uint32_t severity) noexcept {
    const auto a = reinterpret_cast<uintptr_t>(site);
    const auto b = reinterpret_cast<uintptr_t>(logger);
    return (a ^ (b << 7) ^ severity) * 0x9E3779B97F4A7C15u;
  }
  static size_t slot_of(const void* site, const void* logger, uint32_t severity) noexcept {
    return hash(site, logger, severity) >> (64 - kRecentBits);
  }
  const SiteRules* find_rules(const LoggerRules& logger, const model::RecordInput& record) noexcept;
  static SiteRules::Quick quick_of(SiteRules& rules, bool has_extra);
  std::unique_ptr<SiteRules> make_rules(const LoggerRules& logger, const model::Site* site,
                                        uint32_t severity);
  void add_lane(SiteRules& rules, uint32_t lane, const std::vector<AttributeRule>& conditions);
  SampleCell* sample_cell(uint32_t rule, const SiteRules& rules);
  TokenCell* token_cell(TokenBucket& bucket);
  LimitedCell* limited_cell(uint32_t lane, const SiteRules& rules);
  bool sample(const SiteRules& rules, const model::RecordInput& record, Permit& permit) noexcept;
  bool keeps_of_burst(const SiteRules::Sampling& sampling) noexcept;
  bool take_token(TokenCell& cell) noexcept {
    const uint32_t epoch = gate_.epoch();
    if (cell.tokens != 0 && cell.epoch == epoch) [[likely]] {
      --cell.tokens;
      return true;
    }
    return refill(cell, epoch);
  }
  bool refill(TokenCell& cell, uint32_t epoch) noexcept;

  Gate& gate_;
  std::array<const SiteRules*, size_t{1} << kRecentBits> recent_{};
  std::unordered_map<Key, std::unique_ptr<SiteRules>, KeyHash> rules_;
  // Cells by what they count: rule or lane, scope, site and severity.
  using CellKey = std::tuple<uint32_t, uint32_t, const model::Site*, uint32_t>;
  std::map<CellKey, SampleCell*> sample_by_key_;
  std::map<CellKey, LimitedCell*> limited_by_key_;
  std::map<const TokenBucket*, std::unique_ptr<TokenCell>> tokens_;
  std::atomic<SampleCell*> samples_{nullptr};
  std::atomic<LimitedCell*> limited_{nullptr};
};

}  // namespace forebay::admit
