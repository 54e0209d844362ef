#include "pipeline/delivery.h"

#include <algorithm>

namespace forebay::pipeline {
namespace {

constexpr Duration kShortestSlice = std::chrono::milliseconds{1};
constexpr Duration kLongestSlice = std::chrono::milliseconds{16};
constexpr Duration kBetweenExpiries = std::chrono::seconds{1};

}  // namespace

Delivery::Delivery(const std::vector<RouteOptions>& options,
                   std::vector<Route::Exporters> exporters, const ship::RetryOptions& retry,
                   const ship::BreakerOptions& breaker, Random random, Books& books,
                   const Clock& clock)
    : books_(books), clock_(clock), slice_(kShortestSlice) {
  for (size_t r = 0; r < options.size(); ++r) {
    routes_.emplace_back(options[r], std::move(exporters[r]), retry, breaker, random);
    for (size_t d = 0; d < routes_[r].destinations().size(); ++d) {
      Place place;
      place.route = r;
      place.destination = d;
      place.numbers = std::make_unique<Numbers>();
      place.numbers->prefix =
          "routes." + options[r].name + ".destinations." + std::to_string(d) + ".";
      places_.push_back(std::move(place));
    }
  }
}

void Delivery::offer_all(bool hurried) {
  for (size_t r = 0; r < routes_.size(); ++r) {
    while (const auto chosen = routes_[r].choose(clock_.now(), hurried)) {
      std::optional<EncodedBatch> batch = books_.take(r, clock_.now());
      if (!batch) break;
      routes_[r].offer(*chosen, std::move(*batch), clock_.now());
    }
  }
}

// Exporters that wait for the same thing are waited for in any of them. Where there are several
// things to wait for, each wait is a slice, and what comes meanwhile on another is late by at most
// that; slices grow while nothing comes, so that a destination that hangs costs next to nothing.
Delivery::Place& Delivery::waited_for(Duration& wait) {
  Place* found = nullptr;
  for (Place& place : places_) {
    if (at(place).under_way == 0) continue;
    if (found == nullptr) {
      found = &place;
    } else if (at(place).shipper->exporter().waits_on() !=
               at(*found).shipper->exporter().waits_on()) {
      wait = std::min(wait, slice_);
      break;
    }
  }
  return found != nullptr ? *found : places_.front();
}

bool Delivery::step(Duration wait, bool hurried) {
  bool freed = false;
  // Also while nothing can be sent: an old batch must not stay because nobody asks for it.
  if (const MonotonicTime now = clock_.now(); now - expired_at_ >= kBetweenExpiries) {
    expired_at_ = now;
    freed = books_.expire(now);
  }
  offer_all(hurried);
  Place& waited = waited_for(wait);
  bool came = false;
  for (Place& place : places_) {
    if (&place != &waited) came |= poll(place, Duration::zero(), freed);
  }
  // Once, at the end: a poll before would take the ring of a wake() that just came.
  came |= poll(waited, came ? Duration::zero() : wait, freed);
  slice_ = came ? kShortestSlice : std::min(slice_ * 2, kLongestSlice);
  return freed;
}

bool Delivery::poll(Place& place, Duration wait, bool& freed) {
  std::vector<ship::Settlement> settlements =
      routes_[place.route].step(place.destination, wait, clock_);
  make_known(place, settlements);
  if (settlements.empty()) return false;
  freed |= books_.settle(place.route, settlements);
  return true;
}

void Delivery::make_known(Place& place, const std::vector<ship::Settlement>& settlements) {
  const ship::Shipper& shipper = *at(place).shipper;
  Numbers& numbers = *place.numbers;
  const MonotonicTime known = clock_.now();
  for (const ship::Settlement& settlement : settlements) {
    numbers.exports.count(settlement, known);
    if (settlement.kind != ship::Settlement::Kind::kDelivered) continue;
    numbers.delivered.fetch_add(settlement.records.total(), std::memory_order_relaxed);
  }
  numbers.failures_in_a_row.store(shipper.failures_in_a_row(), std::memory_order_relaxed);
  numbers.under_way.store(at(place).under_way, std::memory_order_relaxed);
  if (shipper.ever_answered()) {
    numbers.answered.store(true, std::memory_order_relaxed);
    destination_answered_.store(true, std::memory_order_relaxed);
  }
  if (shipper.last_error() != place.error) {
    place.error = shipper.last_error();
    const std::lock_guard lock(error_mutex_);
    // With several, whose it is.
    last_error_ = places_.size() == 1
                      ? place.error
                      : numbers.prefix.substr(0, numbers.prefix.size() - 1) + ": " + place.error;
  }
  using account::NoteName;
  const ship::ShipEvents& now = shipper.events();
  const auto note = [&](NoteName name, uint64_t count, uint64_t before) {
    if (count != before) books_.note(name, count - before);
  };
  note(NoteName::kRetries, now.retries, place.noted.retries);
  note(NoteName::kAmbiguousAttempts, now.ambiguous_attempts, place.noted.ambiguous_attempts);
  note(NoteName::kEncodingFallbacks, now.encoding_fallbacks, place.noted.encoding_fallbacks);
  note(NoteName::kResponsesMalformed, now.malformed_responses, place.noted.malformed_responses);
  note(NoteName::kBreakerOpens, now.breaker_opens, place.noted.breaker_opens);
  place.noted = now;
}

std::string Delivery::last_error() const {
  const std::lock_guard lock(error_mutex_);
  return last_error_;
}

void Delivery::visit(
    const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  for (const Place& place : places_) {
    const Numbers& numbers = *place.numbers;
    const auto tell = [&](const char* name, uint64_t value) {
      visitor(numbers.prefix + name, static_cast<int64_t>(value));
    };
    tell("delivered", numbers.delivered.load(std::memory_order_relaxed));
    tell("failures_in_a_row", numbers.failures_in_a_row.load(std::memory_order_relaxed));
    tell("under_way", numbers.under_way.load(std::memory_order_relaxed));
    tell("breaker", static_cast<uint64_t>(at(place).shipper->breaker()));
    tell("in_flight_limit", at(place).shipper->in_flight_limit());
    tell("answered", numbers.answered.load(std::memory_order_relaxed) ? 1 : 0);
  }
  for (const Route& route : routes_) {
    visitor(route.name() + ".breaker", static_cast<int64_t>(breaker(route)));
  }
}

ship::BreakerState Delivery::breaker(const Route& route) noexcept {
  ship::BreakerState best = ship::BreakerState::kOpen;
  for (const Route::Destination& destination : route.destinations()) {
    const ship::BreakerState state = destination.shipper->breaker();
    if (state == ship::BreakerState::kClosed || best == ship::BreakerState::kOpen) best = state;
  }
  return best;
}

void Delivery::look(Health& health) const {
  for (const Place& place : places_) {
    std::string name = health.ledger.route_names[place.route];
    if (routes_[place.route].destinations().size() > 1) {
      name += "/" + std::to_string(place.destination);
    }
    const ship::Exporter& exporter = at(place).shipper->exporter();
    health.destinations.push_back(
        {.name = std::move(name),
         .type = exporter.type(),
         .exports = &place.numbers->exports,
         .servers = {&exporter.server(Signal::kLogs), &exporter.server(Signal::kMetrics)}});
  }
  for (const Route& route : routes_) {
    health.open_routes.push_back(breaker(route) == ship::BreakerState::kOpen);
  }
}

Duration Delivery::idle_for(Duration most, bool hurried) const {
  const MonotonicTime now = clock_.now();
  for (size_t r = 0; r < routes_.size(); ++r) {
    if (!books_.has_waiting(r)) continue;
    if (routes_[r].choose(now, hurried)) return Duration::zero();
    if (const auto at = routes_[r].resumes_at(now)) most = std::min(most, *at - now);
  }
  return most;
}

void Delivery::retry_now() noexcept {
  for (const Place& place : places_) at(place).shipper->retry_now();
}

void Delivery::wake() noexcept {
  for (const Place& place : places_) at(place).shipper->wake();
}

void Delivery::start_over() {
  for (Route& route : routes_) route.forget_all();
  books_.put_all_back();
}

void Delivery::stop() {
  for (Place& place : places_) {
    std::vector<ship::Settlement> settlements =
        routes_[place.route].stop(place.destination, clock_.now());
    make_known(place, settlements);
    books_.settle(place.route, settlements);
  }
}

}  // namespace forebay::pipeline
