#include "ship/shipper.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/diagnostics.h"
#include "ship/in_flight_limit.h"
#include "ship/split.h"

namespace forebay::ship {
namespace {

// A destination that answers kOtherCodec to every codec would go round for ever.
constexpr uint32_t kCodecChanges = 2;

// What is left once `rejected` records are taken off, from the largest class first.
SeverityCounts without(SeverityCounts counts, uint64_t rejected) noexcept {
  while (rejected > 0) {
    auto largest = std::max_element(counts.by_class.begin(), counts.by_class.end());
    const uint64_t taken = std::min(rejected, *largest);
    if (taken == 0) break;
    *largest -= taken;
    rejected -= taken;
  }
  return counts;
}

SeverityCounts unattributed(uint64_t records) noexcept {
  SeverityCounts counts;
  counts[SeverityClass::kUnattributed] = records;
  return counts;
}

Settlement ended(Settlement::Kind kind, EncodedBatch batch) {
  Settlement settlement;
  settlement.kind = kind;
  settlement.records = batch.counts;
  settlement.batch = std::move(batch);
  return settlement;
}

}  // namespace

struct Shipper::State {
  State(std::unique_ptr<Exporter> e, const RetryOptions& retry, const BreakerOptions& options,
        Random random)
      : exporter(std::move(e)), max_elapsed(retry.max_elapsed), breaker(retry, options, random) {}

  struct UnderWay {
    MonotonicTime started{};
    uint32_t codec_changes = 0;
  };

  [[nodiscard]] uint32_t allowed() const noexcept {
    return breaker.probes() ? 1 : limit.allowed(exporter->max_in_flight());
  }
  [[nodiscard]] bool has_room() const noexcept {
    return under_way.size() + parts.size() < allowed();
  }

  void send(EncodedBatch batch, MonotonicTime now);
  void send_parts(MonotonicTime now);
  void settle(Attempt attempt, MonotonicTime now, std::vector<Settlement>& out);
  void settle_answer(Attempt attempt, MonotonicTime started, std::vector<Settlement>& out);
  void settle_failure(Attempt attempt, MonotonicTime started, MonotonicTime now,
                      std::vector<Settlement>& out);
  void settle_too_large(Attempt attempt, MonotonicTime started, std::vector<Settlement>& out);
  void settle_other_codec(Attempt attempt, uint32_t codec_changes, MonotonicTime now,
                          std::vector<Settlement>& out);
  void note(Attempt& attempt) noexcept;
  void note_answer(MonotonicTime started);
  void note_failure(const Attempt& attempt, MonotonicTime started, MonotonicTime now);
  void make_known(MonotonicTime now) noexcept;
  void put_parts_back(std::vector<Settlement>& out);
  void finish(Settlement settlement, std::vector<Settlement>& out);
  [[nodiscard]] bool overdue(const EncodedBatch& batch, MonotonicTime now) const noexcept;

  std::unique_ptr<Exporter> exporter;
  const std::optional<Duration> max_elapsed;
  CircuitBreaker breaker;
  InFlightLimit limit;
  Transcoder transcoder;

  std::unordered_map<BatchId, UnderWay> under_way;
  std::deque<EncodedBatch> parts;  // of split batches: in flight for the backlog, not sent yet

  ShipEvents events;
  bool ever_answered = false;
  bool stopping = false;
  std::string last_error;

  std::atomic<BreakerState> known_breaker{BreakerState::kClosed};
  std::atomic<uint32_t> known_limit{0};
};

bool Shipper::State::overdue(const EncodedBatch& batch, MonotonicTime now) const noexcept {
  return max_elapsed && batch.first_sent && now - *batch.first_sent >= *max_elapsed;
}

void Shipper::State::send(EncodedBatch batch, MonotonicTime now) {
  under_way[batch.id] = UnderWay{.started = now};
  exporter->send(std::move(batch), now);
}

void Shipper::State::send_parts(MonotonicTime now) {
  while (!parts.empty() && under_way.size() < allowed() && !breaker.pauses(now)) {
    EncodedBatch part = std::move(parts.front());
    parts.pop_front();
    send(std::move(part), now);
  }
}

void Shipper::State::put_parts_back(std::vector<Settlement>& out) {
  for (EncodedBatch& part : parts) {
    out.push_back(ended(Settlement::Kind::kPutBack, std::move(part)));
  }
  parts.clear();
}

void Shipper::State::finish(Settlement settlement, std::vector<Settlement>& out) {
  // An earlier attempt ended without an answer, and nobody will ask again: whatever this answer
  // says about its own attempt, the first may have arrived.
  const bool lost = settlement.kind == Settlement::Kind::kRejected ||
                    settlement.kind == Settlement::Kind::kTooLarge ||
                    settlement.kind == Settlement::Kind::kRetryExhausted ||
                    settlement.kind == Settlement::Kind::kFailed;
  if (lost && settlement.batch.ambiguous) settlement.kind = Settlement::Kind::kUnknown;
  out.push_back(std::move(settlement));
}

void Shipper::State::note_failure(const Attempt& attempt, MonotonicTime started,
                                  MonotonicTime now) {
  const bool was_closed = breaker.state(now) == BreakerState::kClosed;
  if (attempt.busy) limit.busy(started, now, exporter->max_in_flight());
  if (!breaker.failed(started, attempt.retry_after, now)) return;
  limit.restart();
  if (!was_closed) return;
  ++events.breaker_opens;
  const std::string last = last_error.empty() ? "" : ", the last time with \"" + last_error + "\"";
  warn("breaker_open", exporter->description() +
                           ": failed in a row: " + std::to_string(breaker.failures_in_a_row()) +
                           last + "; asked rarely until it answers");
}

void Shipper::State::settle_failure(Attempt attempt, MonotonicTime started, MonotonicTime now,
                                    std::vector<Settlement>& out) {
  last_error = std::move(attempt.message);
  if (stopping) {
    const bool no_answer = attempt.kind == Attempt::Kind::kAmbiguous;
    out.push_back(ended(no_answer ? Settlement::Kind::kUnknown : Settlement::Kind::kPutBack,
                        std::move(attempt.batch)));
    return;
  }
  note_failure(attempt, started, now);
  put_parts_back(out);
  if (overdue(attempt.batch, now)) {
    finish(ended(Settlement::Kind::kRetryExhausted, std::move(attempt.batch)), out);
    return;
  }
  ++events.retries;
  out.push_back(ended(Settlement::Kind::kPutBack, std::move(attempt.batch)));
}

void Shipper::State::note_answer(MonotonicTime started) {
  const bool was_open = breaker.state(started) != BreakerState::kClosed;
  breaker.answered(started);
  if (was_open && breaker.state(started) == BreakerState::kClosed) {
    warn("breaker_closed", exporter->description() + ": answers again");
  }
}

void Shipper::State::make_known(MonotonicTime now) noexcept {
  known_breaker.store(breaker.state(now), std::memory_order_relaxed);
  known_limit.store(limit.allowed(exporter->max_in_flight()), std::memory_order_relaxed);
}

void Shipper::State::settle_too_large(Attempt attempt, MonotonicTime started,
                                      std::vector<Settlement>& out) {
  if (attempt.answered) note_answer(started);
  last_error = std::move(attempt.message);
  if (attempt.batch.records() < 2) {
    finish(ended(Settlement::Kind::kTooLarge, std::move(attempt.batch)), out);
    return;
  }
  if (stopping) {
    out.push_back(ended(Settlement::Kind::kPutBack, std::move(attempt.batch)));
    return;
  }
  Result<std::vector<EncodedBatch>> halves = split(attempt.batch, transcoder);
  if (!halves) {
    last_error = halves.status().message();
    finish(ended(Settlement::Kind::kFailed, std::move(attempt.batch)), out);
    return;
  }
  Settlement replaced;
  replaced.kind = Settlement::Kind::kReplaced;
  replaced.parts = halves.take();
  // Where the whole was: another half that waits already comes after it.
  parts.insert(parts.begin(), replaced.parts.begin(), replaced.parts.end());
  replaced.batch = std::move(attempt.batch);
  out.push_back(std::move(replaced));
}

void Shipper::State::settle_answer(Attempt attempt, MonotonicTime started,
                                   std::vector<Settlement>& out) {
  note_answer(started);
  if (attempt.kind == Attempt::Kind::kRejected) {
    last_error = std::move(attempt.message);
    Settlement rejected = ended(Settlement::Kind::kRejected, std::move(attempt.batch));
    rejected.rejection = attempt.rejection;
    finish(std::move(rejected), out);
    return;
  }
  const uint64_t records = attempt.batch.records();
  const uint64_t refused = std::min(attempt.rejected, records);
  if (refused == 0) {
    limit.delivered(exporter->max_in_flight());
    finish(ended(Settlement::Kind::kDelivered, std::move(attempt.batch)), out);
    return;
  }
  last_error = std::move(attempt.message);
  Settlement rejected = ended(Settlement::Kind::kRejected, std::move(attempt.batch));
  rejected.rejection = Rejection::kPartialSuccess;
  if (refused < records) {
    Settlement delivered = ended(Settlement::Kind::kDelivered, rejected.batch);
    delivered.records = without(rejected.batch.counts, refused);
    delivered.finishes = false;
    finish(std::move(delivered), out);
    rejected.records = unattributed(refused);
  }
  finish(std::move(rejected), out);
}

void Shipper::State::settle_other_codec(Attempt attempt, uint32_t codec_changes, MonotonicTime now,
                                        std::vector<Settlement>& out) {
  if (codec_changes >= kCodecChanges) {
    attempt.kind = Attempt::Kind::kRejected;
    attempt.rejection = Rejection::kOther;
    settle_answer(std::move(attempt), now, out);
    return;
  }
  if (stopping || breaker.pauses(now)) {
    out.push_back(ended(Settlement::Kind::kPutBack, std::move(attempt.batch)));
    return;
  }
  under_way[attempt.batch.id] = UnderWay{.started = now, .codec_changes = codec_changes + 1};
  exporter->send(std::move(attempt.batch), now);
}

void Shipper::State::note(Attempt& attempt) noexcept {
  const bool no_answer = attempt.kind == Attempt::Kind::kAmbiguous;
  if (no_answer || attempt.resends > 0) attempt.batch.ambiguous = true;
  events.ambiguous_attempts += attempt.resends + (no_answer ? 1 : 0);
  events.encoding_fallbacks += attempt.codec_changed ? 1 : 0;
  events.malformed_responses += attempt.is_malformed ? 1 : 0;
}

void Shipper::State::settle(Attempt attempt, MonotonicTime now, std::vector<Settlement>& out) {
  using Kind = Attempt::Kind;
  MonotonicTime started = now;
  uint32_t codec_changes = 0;
  if (const auto found = under_way.find(attempt.batch.id); found != under_way.end()) {
    started = found->second.started;
    codec_changes = found->second.codec_changes;
    under_way.erase(found);
  }
  note(attempt);
  ever_answered = ever_answered || attempt.answered || attempt.kind == Kind::kDelivered ||
                  attempt.kind == Kind::kRejected || attempt.kind == Kind::kOtherCodec;
  switch (attempt.kind) {
    case Kind::kDelivered:
    case Kind::kRejected:
      settle_answer(std::move(attempt), started, out);
      return;
    case Kind::kRetry:
    case Kind::kAmbiguous:
      settle_failure(std::move(attempt), started, now, out);
      return;
    case Kind::kTooLarge:
      settle_too_large(std::move(attempt), started, out);
      return;
    case Kind::kOtherCodec:
      settle_other_codec(std::move(attempt), codec_changes, now, out);
      return;
    case Kind::kFailed:
      last_error = std::move(attempt.message);
      finish(ended(Settlement::Kind::kFailed, std::move(attempt.batch)), out);
      return;
  }
}

Shipper::Shipper(std::unique_ptr<Exporter> exporter, const RetryOptions& retry,
                 const BreakerOptions& breaker, Random random)
    : state_(std::make_unique<State>(std::move(exporter), retry, breaker, random)) {
  state_->make_known(MonotonicTime::min());
}

Shipper::~Shipper() = default;

bool Shipper::wants(MonotonicTime now) const noexcept {
  return !state_->breaker.pauses(now) && state_->has_room();
}

std::optional<MonotonicTime> Shipper::resumes_at() const noexcept {
  return state_->breaker.resumes_at();
}

void Shipper::offer(EncodedBatch batch, MonotonicTime now) { state_->send(std::move(batch), now); }

std::vector<Settlement> Shipper::step(Duration wait, const Clock& clock) {
  std::vector<Settlement> out;
  state_->send_parts(clock.now());
  for (Attempt& attempt : state_->exporter->poll(wait)) {
    state_->settle(std::move(attempt), clock.now(), out);
  }
  const MonotonicTime now = clock.now();
  // A half whose sibling failed in this very step must not wait here: the backlog keeps it.
  if (state_->breaker.pauses(now)) {
    state_->put_parts_back(out);
  } else {
    state_->breaker.forget_pause();
  }
  state_->send_parts(now);
  state_->make_known(now);
  return out;
}

std::vector<Settlement> Shipper::stop(MonotonicTime now) {
  std::vector<Settlement> out;
  state_->stopping = true;
  for (Attempt& attempt : state_->exporter->cancel_all()) {
    state_->settle(std::move(attempt), now, out);
  }
  state_->put_parts_back(out);
  state_->stopping = false;
  return out;
}

void Shipper::forget_all() noexcept {
  state_->exporter->forget_all();
  state_->under_way.clear();
  state_->parts.clear();
}

void Shipper::retry_now() noexcept { state_->breaker.hurry(); }
void Shipper::wake() noexcept { state_->exporter->wake(); }

bool Shipper::ever_answered() const noexcept { return state_->ever_answered; }
uint64_t Shipper::failures_in_a_row() const noexcept { return state_->breaker.failures_in_a_row(); }
const std::string& Shipper::last_error() const noexcept { return state_->last_error; }
const ShipEvents& Shipper::events() const noexcept { return state_->events; }
Exporter& Shipper::exporter() noexcept { return *state_->exporter; }
BreakerState Shipper::breaker() const noexcept {
  return state_->known_breaker.load(std::memory_order_relaxed);
}
uint32_t Shipper::in_flight_limit() const noexcept {
  return state_->known_limit.load(std::memory_order_relaxed);
}

}  // namespace forebay::ship
