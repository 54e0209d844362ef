// A destination that lies: it answers late, not at all, with nonsense, or after it took what it
// says it did not take.
//
// It keeps what it really took, by the records' ids, so that a test can hold the ledger against it.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "ship/exporter.h"

namespace forebay::simulation {

// How often, in percent of attempts, a destination does what; the rest is delivered.
struct Faults {
  uint32_t unavailable = 0;     // 503, half of them with Retry-After
  uint32_t refused = 0;         // no connection: no answer, and surely not taken
  uint32_t silent = 0;          // no answer; taken or not
  uint32_t partial = 0;         // 200, some records refused
  uint32_t too_large = 0;       // 413
  uint32_t other_codec = 0;     // 415
  uint32_t rejected = 0;        // 400, for good
  uint32_t failed = 0;          // the exporter could not do it
  Duration longest_delay{0};    // of an answer
  Duration longest_request{0};  // of a Retry-After
};

// One log record as it arrived.
struct Arrival {
  uint64_t id = 0;  // of one that Forebay made itself: its time
  std::string pad;
  std::string kind;                     // forebay.internal; empty: somebody emitted it
  std::map<std::string, int64_t> told;  // the numbers that Forebay added, by attribute
  // All that it is made of, so that one that arrives again is known.
  std::string content;

  // How many records it stands for, by the rule that the documents tell receivers.
  [[nodiscard]] int64_t weight() const {
    const auto found = told.find("forebay.adjusted_count");
    if (found != told.end()) return found->second;
    return kind.empty() ? 1 : 0;
  }
};
// The log records of an Export request in protobuf form. Throws std::runtime_error where it is
// none.
std::vector<Arrival> arrivals_in(const std::string& request);

class LyingDestination final : public ship::Exporter {
 public:
  // `took` is called for each record that is taken, the first time and again.
  using Took = std::function<void(const Arrival& record, const EncodedBatch& batch, bool again)>;
  LyingDestination(const Clock& clock, uint64_t seed, uint32_t max_in_flight, Took took);

  Faults faults;

  // -- what really happened --
  [[nodiscard]] const std::set<uint64_t>& taken() const noexcept { return taken_; }
  [[nodiscard]] bool was_ambiguous(const BatchId& id) const;
  // Partial successes that refused some: which, nobody says.
  [[nodiscard]] uint64_t partial_successes() const noexcept { return partial_successes_; }
  // Attempts without an answer.
  [[nodiscard]] uint64_t ambiguous_attempts() const noexcept { return ambiguous_attempts_; }

  // -- Exporter --
  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<ship::Attempt> poll(Duration wait) override;
  std::vector<ship::Attempt> cancel_all() override;
  void forget_all() noexcept override { (void)cancel_all(); }
  void wake() noexcept override {}
  [[nodiscard]] Codec codec() const noexcept override { return codec_; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return max_in_flight_; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "lying"; }

 private:
  struct UnderWay {
    MonotonicTime answers_at{};
    bool arrived = false;
    ship::Attempt attempt;
  };

  void decide(UnderWay& under_way);
  // Takes all but the last `refused` records of the batch.
  void take(const EncodedBatch& batch, uint64_t refused);
  void note_ambiguous(const BatchId& id);

  const Clock& clock_;
  Random random_;
  const uint32_t max_in_flight_;
  const Took took_;
  const std::string description_ = "lying";
  Codec codec_ = Codec::kZstd;
  Decompressor decompressor_;
  std::deque<UnderWay> under_way_;
  std::set<uint64_t> taken_;
  std::set<std::string> ambiguous_;  // whole batches, by the id before any split
  uint64_t ambiguous_attempts_ = 0;
  uint64_t partial_successes_ = 0;
};

// An exporter that is owned by the pipeline, while the test keeps the destination.
class Borrowed final : public ship::Exporter {
 public:
  explicit Borrowed(ship::Exporter& to) : to_(to) {}
  void send(EncodedBatch batch, MonotonicTime now) override { to_.send(std::move(batch), now); }
  std::vector<ship::Attempt> poll(Duration wait) override { return to_.poll(wait); }
  std::vector<ship::Attempt> cancel_all() override { return to_.cancel_all(); }
  void forget_all() noexcept override { to_.forget_all(); }
  void wake() noexcept override { to_.wake(); }
  [[nodiscard]] Codec codec() const noexcept override { return to_.codec(); }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return to_.max_in_flight(); }
  [[nodiscard]] const std::string& description() const noexcept override {
    return to_.description();
  }
  [[nodiscard]] std::string_view type() const noexcept override { return to_.type(); }

 private:
  ship::Exporter& to_;
};

}  // namespace forebay::simulation
