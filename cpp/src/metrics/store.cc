#include "metrics/store.h"

#include <algorithm>

namespace forebay::metrics {
namespace {

std::string key_of(const InstrumentSpec& spec) {
  std::string key = std::to_string(spec.scope->id) + "/" + spec.name;
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return key;
}

}  // namespace

Store::Store(StoreOptions options, std::atomic<uint32_t>& phase, const TickSource& ticks)
    : options_(std::move(options)), phase_(phase), ticks_(ticks), memory_(options_.max_bytes) {
  phase_.store(1, std::memory_order_release);
}

Instrument& Store::instrument(const InstrumentSpec& spec) {
  const std::lock_guard lock(mutex_);
  const std::string key = key_of(spec);
  const auto [first, last] = by_name_.equal_range(key);
  for (auto found = first; found != last; ++found) {
    const InstrumentSpec& there = found->second->spec;
    if (there.kind == spec.kind && there.unit == spec.unit) return *found->second;
  }
  auto made = std::make_unique<Instrument>();
  made->spec = spec;
  made->is_conflicting = first != last;
  for (StreamOptions& stream : streams_of(spec, options_.defaults)) {
    made->streams.push_back(std::make_unique<Stream>(
        std::move(stream),
        StreamSurroundings{&phase_, &memory_, &ticks_.clock(), &next_series_id_}));
  }
  instruments_.reserve(instruments_.size() + 1);
  by_name_.emplace(key, made.get());
  instruments_.push_back(std::move(made));
  has_instruments_.store(true, std::memory_order_release);
  return *instruments_.back();
}

bool Store::begin() {
  const bool turns = !is_turned_;
  if (turns && !is_closed_) {
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    old_half_ = phase - 1;
    phase_.store(3 - phase, std::memory_order_release);
    is_turned_ = true;
  }
  writers_.begin_wait(wait_);
  must_wait_anew_ = false;
  return turns || is_closed_;
}

bool Store::is_ready() {
  // A collection that was under way at the close takes both halves, so it waits for whoever wrote
  // to the other one as well.
  if (must_wait_anew_) {
    writers_.begin_wait(wait_);
    must_wait_anew_ = false;
  }
  return Writers::are_past(wait_);
}

std::vector<Stream*> Store::streams() const {
  const std::lock_guard lock(mutex_);
  std::vector<Stream*> streams;
  for (const auto& instrument : instruments_) {
    for (const auto& stream : instrument->streams) streams.push_back(stream.get());
  }
  return streams;
}

void Store::fold() {
  for (uint32_t half = 0; half < kHalves; ++half) {
    // After the end both may have something: the one that a collection turned away from, and the
    // one that was written to last.
    if (half != old_half_ && !is_closed_) continue;
    for (Stream* stream : streams()) stream->fold(half);
  }
  is_turned_ = false;
}

void Store::collect(Reader reader, WallTime now, uint64_t since, model::MetricSink& sink) {
  fold();
  for (Stream* stream : streams()) stream->collect(reader, now, since, sink);
}

uint64_t Store::memory_bytes() const { return memory_.used() + writers_.memory_bytes(); }

Store::Numbers Store::numbers() const {
  Numbers numbers;
  const Writers::Numbers writers = writers_.numbers();
  numbers.invalid = writers.invalid;
  numbers.out_of_memory = writers.out_of_memory;
  const std::lock_guard lock(mutex_);
  for (const auto& instrument : instruments_) {
    for (const auto& stream : instrument->streams) {
      numbers.series += stream->series();
      numbers.clamped += stream->clamped();
    }
  }
  return numbers;
}

}  // namespace forebay::metrics
