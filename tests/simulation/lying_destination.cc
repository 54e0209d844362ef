#include "lying_destination.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "encode/wire_reader.h"

namespace forebay::simulation {
namespace {

using ship::Attempt;
using Kind = Attempt::Kind;

constexpr size_t kLargestRequest = 64u << 20;

Arrival arrival_of(const std::string& record) {
  Arrival arrival;
  for (const wire::Field& field : wire::fields_of(record)) {
    if (field.number == 1 && field.type == 1) arrival.id = field.value;
    if (field.number != 6 || field.type != 2) continue;
    std::string key;
    std::string text;
    int64_t number = 0;
    for (const wire::Field& part : wire::fields_of(field.bytes)) {
      if (part.number == 1) key = part.bytes;
      if (part.number != 2) continue;
      for (const wire::Field& value : wire::fields_of(part.bytes)) {
        text = value.bytes;
        number = static_cast<int64_t>(value.value);
      }
    }
    if (key == "pad") arrival.pad = text;
    if (key == "forebay.internal") arrival.kind = text;
    if (key.starts_with("forebay.")) arrival.told[key] = number;
  }
  return arrival;
}

std::string whole_of(const BatchId& id) { return id.substr(0, id.find('.')); }

}  // namespace

std::vector<Arrival> arrivals_in(const std::string& request) {
  std::vector<Arrival> arrivals;
  for (const wire::Field& resource_logs : wire::fields_of(request)) {
    if (resource_logs.number != 1) throw std::runtime_error("not a request");
    for (const wire::Field& scope_logs : wire::fields_of(resource_logs.bytes)) {
      if (scope_logs.number != 2) continue;
      std::string scope;
      for (const wire::Field& field : wire::fields_of(scope_logs.bytes)) {
        if (field.number == 1) scope = field.bytes;
        if (field.number != 2) continue;
        arrivals.push_back(arrival_of(field.bytes));
        arrivals.back().content = scope + field.bytes;
      }
    }
  }
  return arrivals;
}

LyingDestination::LyingDestination(const Clock& clock, uint64_t seed, uint32_t max_in_flight,
                                   Took took)
    : clock_(clock), random_(seed), max_in_flight_(max_in_flight), took_(std::move(took)) {}

bool LyingDestination::was_ambiguous(const BatchId& id) const {
  return ambiguous_.contains(whole_of(id));
}

void LyingDestination::note_ambiguous(const BatchId& id) {
  ambiguous_.insert(whole_of(id));
  ++ambiguous_attempts_;
}

void LyingDestination::take(const EncodedBatch& batch, uint64_t refused) {
  ByteBuffer request;
  if (!decompressor_.decompress(batch.codec, batch.body->view(), kLargestRequest, request)
           .is_ok()) {
    throw std::runtime_error("batch " + batch.id + " does not open");
  }
  const std::vector<Arrival> arrivals = arrivals_in(std::string(as_text(request.view())));
  if (arrivals.size() != batch.records()) {
    throw std::runtime_error("batch " + batch.id + " claims " + std::to_string(batch.records()) +
                             " records and holds " + std::to_string(arrivals.size()));
  }
  for (size_t i = 0; i + refused < arrivals.size(); ++i) {
    const bool again = !taken_.insert(arrivals[i].id).second;
    took_(arrivals[i], batch, again);
  }
}

void LyingDestination::decide(UnderWay& under_way) {
  Attempt& attempt = under_way.attempt;
  const uint64_t records = attempt.batch.records();
  uint64_t lot = random_.below(100);
  const auto falls_on = [&](uint32_t percent) {
    const bool hit = lot < percent;
    lot = hit ? UINT64_MAX : lot - percent;
    return hit;
  };
  attempt.answered = true;
  if (falls_on(faults.unavailable)) {
    attempt.kind = Kind::kRetry;
    if (random_.below(2) == 0) {
      attempt.retry_after = Duration{static_cast<Duration::rep>(
          random_.below(static_cast<uint64_t>(faults.longest_request.count()) + 1))};
    }
  } else if (falls_on(faults.refused)) {
    attempt.kind = Kind::kRetry;
    attempt.answered = false;
  } else if (falls_on(faults.silent)) {
    attempt.kind = Kind::kAmbiguous;
    attempt.answered = false;
    under_way.arrived = random_.below(2) == 0;
    if (under_way.arrived) take(attempt.batch, 0);
    note_ambiguous(attempt.batch.id);
  } else if (falls_on(faults.partial)) {
    attempt.kind = Kind::kDelivered;
    // More than there are is a lie too.
    attempt.rejected = random_.below(records + 2);
    if (attempt.rejected != 0) ++partial_successes_;
    under_way.arrived = true;
    take(attempt.batch, std::min(attempt.rejected, records));
  } else if (falls_on(faults.too_large)) {
    attempt.kind = Kind::kTooLarge;
  } else if (falls_on(faults.other_codec)) {
    attempt.kind = Kind::kOtherCodec;
    codec_ = Codec::kGzip;
  } else if (falls_on(faults.rejected)) {
    attempt.kind = Kind::kRejected;
    attempt.rejection = static_cast<ship::Rejection>(random_.below(5));
  } else if (falls_on(faults.failed)) {
    attempt.kind = Kind::kFailed;
    attempt.answered = false;
  } else {
    attempt.kind = Kind::kDelivered;
    under_way.arrived = true;
    take(attempt.batch, 0);
  }
}

void LyingDestination::send(EncodedBatch batch, MonotonicTime now) {
  UnderWay under_way;
  const auto longest = static_cast<uint64_t>(faults.longest_delay.count());
  under_way.answers_at = now + Duration{static_cast<Duration::rep>(random_.below(longest + 1))};
  under_way.attempt.batch = std::move(batch);
  decide(under_way);
  under_way_.push_back(std::move(under_way));
  if (under_way_.size() > max_in_flight_) throw std::runtime_error("too many are in flight");
}

std::vector<Attempt> LyingDestination::poll(Duration /*wait*/) {
  std::vector<Attempt> ended;
  for (size_t i = 0; i < under_way_.size();) {
    if (under_way_[i].answers_at > clock_.now()) {
      ++i;
      continue;
    }
    ended.push_back(std::move(under_way_[i].attempt));
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return ended;
}

std::vector<Attempt> LyingDestination::cancel_all() {
  std::vector<Attempt> ended;
  for (UnderWay& under_way : std::exchange(under_way_, {})) {
    Attempt& attempt = under_way.attempt;
    if (under_way.answers_at > clock_.now()) {
      const bool may_have_arrived = under_way.arrived || random_.below(2) == 0;
      attempt.kind = may_have_arrived ? Kind::kAmbiguous : Kind::kRetry;
      attempt.answered = false;
      if (may_have_arrived) note_ambiguous(attempt.batch.id);
    }
    ended.push_back(std::move(attempt));
  }
  return ended;
}

}  // namespace forebay::simulation
