// What a collector counts, as C++ values: Stats, Receipt and Audit. The names are those of the
// ledger (docs/ledger.md in the sources); a name that this collector does not have reads 0.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "forebay/outcome.h"
#include "forebay/pressure.h"

namespace forebay {
inline namespace v1 {

namespace detail {
using Numbers = std::map<std::string, int64_t, std::less<>>;
}  // namespace detail

// The ledger's names, in sum or of one part. Unit: records.
class Counts {
 public:
  Counts() = default;
  // `prefix` ends with a dot, or is empty.
  Counts(const detail::Numbers& all, std::string_view prefix) {
    for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix);
         ++it) {
      numbers_.emplace_hint(numbers_.end(), it->first.substr(prefix.size()), it->second);
    }
  }

  // Any number by its full name: "emitted", "dropped.queue_full_newest", "lanes.normal.delivered".
  [[nodiscard]] int64_t number(std::string_view name) const noexcept {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? 0 : found->second;
  }
  [[nodiscard]] const detail::Numbers& numbers() const noexcept { return numbers_; }

  [[nodiscard]] int64_t emitted() const noexcept { return number("emitted"); }
  [[nodiscard]] int64_t internal() const noexcept { return number("internal"); }
  [[nodiscard]] int64_t recovered() const noexcept { return number("recovered"); }
  [[nodiscard]] int64_t delivered() const noexcept { return number("delivered"); }
  [[nodiscard]] int64_t sampled_out() const noexcept { return number("sampled_out"); }
  [[nodiscard]] int64_t rate_limited() const noexcept { return number("rate_limited"); }
  [[nodiscard]] int64_t refused() const noexcept { return number("refused"); }
  [[nodiscard]] int64_t dropped() const noexcept { return number("dropped"); }
  [[nodiscard]] int64_t expired() const noexcept { return number("expired"); }
  [[nodiscard]] int64_t rejected() const noexcept { return number("rejected"); }
  [[nodiscard]] int64_t unknown() const noexcept { return number("unknown"); }
  [[nodiscard]] int64_t handed_over() const noexcept { return number("handed_over"); }
  [[nodiscard]] int64_t superseded() const noexcept { return number("superseded"); }
  [[nodiscard]] int64_t held() const noexcept { return number("held"); }

  // By reason: "queue_full", "not_started"; "queue_full_newest", "backlog_full"; "bad_request".
  [[nodiscard]] int64_t refused(std::string_view reason) const { return of("refused.", reason); }
  [[nodiscard]] int64_t dropped(std::string_view reason) const { return of("dropped.", reason); }
  [[nodiscard]] int64_t rejected(std::string_view reason) const { return of("rejected.", reason); }

  // How far the ledger's law is from holding: 0, or there is a bug.
  [[nodiscard]] int64_t difference() const noexcept {
    return emitted() + internal() + recovered() - delivered() - sampled_out() - rate_limited() -
           refused() - dropped() - expired() - rejected() - unknown() - handed_over() -
           superseded() - held();
  }

 private:
  [[nodiscard]] int64_t of(std::string_view name, std::string_view reason) const {
    return number(std::string(name) += reason);
  }

  detail::Numbers numbers_;
};

// The sums over all lanes, and their parts.
class Ledger : public Counts {
 public:
  using Counts::Counts;

  [[nodiscard]] Counts lane(std::string_view name) const { return part("lanes.", name); }
  // trace, debug, info, warn, error, fatal, unspecified, unattributed.
  [[nodiscard]] Counts severity(std::string_view name) const { return part("by_severity.", name); }
  [[nodiscard]] Counts route(std::string_view name) const { return part("routes.", name); }
  // The second law: of metric points, by the same names. Unit: points.
  [[nodiscard]] Counts metrics() const { return {numbers(), "metrics."}; }

 private:
  [[nodiscard]] Counts part(std::string_view group, std::string_view name) const {
    return {numbers(), (std::string(group) += name) += '.'};
  }
};

// One moment.
struct Stats : Ledger {
  using Ledger::Ledger;
  // What queues, batches and backlog hold. Unit: bytes.
  int64_t memory_bytes = 0;
  // The highest state of all lanes. A lane's own numbers are lane(name).number("state"),
  // "fill_permille", "ms_to_full" (absent where it does not fill) and "retry_after_ms" (absent
  // where nothing is drained).
  Pressure pressure = Pressure::kNormal;
  // How long until the first lane is full, as its fill grew in the last seconds; nothing where none
  // fills.
  std::optional<std::chrono::milliseconds> time_to_full;
};

// What flush and shutdown return: each name is the difference between call and return.
struct Receipt : Ledger {
  using Ledger::Ledger;
  // All that was emitted before the call has ended: it left the process, or its loss was counted.
  bool complete = false;
  std::chrono::nanoseconds elapsed{0};
};

// What is really inside, compared with the ledger.
struct Audit {
  bool balanced = false;
  // False where emits went on meanwhile: then the queue's part is an estimate.
  bool exact = false;
  // Records, ledger less reality; in sum and by lane.
  int64_t difference = 0;
  std::map<std::string, int64_t, std::less<>> lanes;
};

}  // namespace v1
}  // namespace forebay
