// All instruments of a collector's life in one process, and how they are collected.
//
// Passive: the pipeline or a test calls begin(), is_ready() and collect(), one collection at a
// time. Whoever records asks for nothing but its series (series.h), between enter() and leave() of
// its writer (writer.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ticks.h"
#include "metrics/instrument.h"
#include "metrics/stream.h"
#include "metrics/writer.h"

namespace forebay::metrics {

struct StoreOptions {
  Defaults defaults;
  // Of all series together. What does not fit goes into the overflow of its stream.
  uint64_t max_bytes = 12u << 20;
};

struct Instrument {
  InstrumentSpec spec;
  std::vector<std::unique_ptr<Stream>> streams;  // none: every view drops it
  // It has the name of another one that is of another kind or unit: both report.
  bool is_conflicting = false;
};

class Store {
 public:
  // `phase`: the word that every series reads; the store's alone from here on. It must live for
  // ever, and read 0 in a forked child.
  Store(StoreOptions options, std::atomic<uint32_t>& phase, const TickSource& ticks);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // -- anyone --
  // The instrument of that name and scope: the one that there is, or made. The names of instruments
  // are the same where only case differs. Another kind or unit makes one of its own. Throws
  // std::bad_alloc.
  Instrument& instrument(const InstrumentSpec& spec);
  Writers& writers() noexcept { return writers_; }
  [[nodiscard]] const TickSource& ticks() const noexcept { return ticks_; }
  [[nodiscard]] const std::atomic<uint32_t>& phase() const noexcept { return phase_; }
  [[nodiscard]] bool has_instruments() const noexcept {
    return has_instruments_.load(std::memory_order_acquire);
  }
  [[nodiscard]] uint64_t memory_bytes() const;
  struct Numbers {
    uint64_t series = 0;  // without those of overflows
    uint64_t invalid = 0;
    uint64_t out_of_memory = 0;
    uint64_t clamped = 0;
  };
  [[nodiscard]] Numbers numbers() const;

  // -- the collector: under collecting(), whoever it is --
  std::mutex& collecting() noexcept { return collecting_; }
  // Turns the phase. False: it was turned before and nothing was folded since, so what was recorded
  // after that is in the half that is still written to; whoever wants it calls fold(), once ready,
  // and begins again. Throws std::bad_alloc, and may be repeated.
  bool begin();
  // Whether nobody writes to the old half any more. A thread that was stopped in the middle of a
  // measurement keeps it waiting; nothing else does.
  // Throws std::bad_alloc, and may be repeated.
  bool is_ready();
  // Only where is_ready(): takes the old half into the totals, for a collection to come.
  void fold();
  // See Stream::settle().
  void settle(uint64_t since) {
    for (Stream* stream : streams()) stream->settle(since);
  }
  // Only where is_ready(). `since` as for Stream::collect().
  void collect(Reader reader, WallTime now, uint64_t since, model::MetricSink& sink);
  // Nothing is recorded from here on: who is about to finds the phase 0. One more collection gets
  // what was recorded before.
  void close() noexcept {
    is_closed_ = true;
    phase_.store(0, std::memory_order_release);
    must_wait_anew_ = true;
  }

 private:
  const StoreOptions options_;
  std::atomic<uint32_t>& phase_;
  const TickSource& ticks_;
  MemoryBound memory_;
  Writers writers_;
  [[nodiscard]] std::vector<Stream*> streams() const;

  std::atomic<uint64_t> next_series_id_{1};
  std::atomic<bool> has_instruments_{false};

  mutable std::mutex mutex_;
  std::unordered_multimap<std::string, Instrument*> by_name_;
  std::vector<std::unique_ptr<Instrument>> instruments_;

  std::mutex collecting_;
  bool is_turned_ = false;
  bool is_closed_ = false;
  bool must_wait_anew_ = false;  // who is inside since the close is not in wait_
  uint32_t old_half_ = 0;
  Writers::Wait wait_;
};

}  // namespace forebay::metrics
