#include "account/emit_slots.h"

#include "base/diagnostics.h"

namespace forebay::account {

EmitSlots::EmitSlots(StatsFile& file) : file_(file) {
  given_back_.reserve(kMaxSlots);  // so that giving back never allocates
}

ThreadCounters EmitSlots::lease() noexcept {
  const std::lock_guard lock(mutex_);
  StatsHeader& header = file_.header();
  uint32_t slot = 0;
  if (!given_back_.empty()) {
    slot = given_back_.back();
    given_back_.pop_back();
  } else {
    slot = used_.load(std::memory_order_relaxed);
    const uint64_t room = header.groups.load(std::memory_order_relaxed) * kSlotsPerGroup;
    if (slot >= room && !file_.grow()) {
      if (slot < kMaxSlots) {
        warn_once("ledger_slots", "the stats file cannot grow: further threads share one counter");
      }
      header.shared_leases.fetch_add(1, std::memory_order_relaxed);
      return {file_.cells(file_.layout().shared_slot), kMaxSlots, true};
    }
    used_.store(slot + 1, std::memory_order_release);
  }
  header.leased_slots.fetch_add(1, std::memory_order_relaxed);
  return {file_.cells(file_.layout().slot_offset(slot)), slot, false};
}

void EmitSlots::give_back(const ThreadCounters& counters) noexcept {
  if (!counters.is_leased()) return;
  const std::lock_guard lock(mutex_);
  StatsHeader& header = file_.header();
  if (counters.is_shared()) {
    header.shared_leases.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  given_back_.push_back(counters.slot());
  header.leased_slots.fetch_sub(1, std::memory_order_relaxed);
}

void EmitSlots::sum(std::vector<LaneNumbers>& lanes) const noexcept {
  constexpr size_t kEmitted = static_cast<size_t>(EmitName::kEmitted);
  static_assert(kEmitted == 0);
  add_rows(lanes, kEmitted + 1, kEmitCounters - 1, std::memory_order_acquire);
  add_rows(lanes, kEmitted, kEmitted, std::memory_order_relaxed);
}

void EmitSlots::add_losses(uint32_t lane, LaneLosses& losses) const noexcept {
  const auto add = [&](const Cell* slot) {
    for (size_t name = 0; name < kEmitNames; ++name) {
      const auto of = static_cast<EmitName>(name);
      if (!is_loss(of) && !is_refusal(of)) continue;
      const Cell* row = slot + (size_t{lane} * kEmitNameSlots + name) * kSeverityClasses;
      for (size_t c = 0; c < kSeverityClasses; ++c) {
        losses.emit[name] += row[c].load(std::memory_order_relaxed);
      }
    }
  };
  const StatsLayout& layout = file_.layout();
  const uint32_t used = used_.load(std::memory_order_acquire);
  for (uint32_t slot = 0; slot < used; ++slot) add(file_.cells(layout.slot_offset(slot)));
  add(file_.cells(layout.shared_slot));
}

void EmitSlots::add_rows(std::vector<LaneNumbers>& lanes, size_t first_name, size_t last_name,
                         std::memory_order order) const noexcept {
  const StatsLayout& layout = file_.layout();
  const uint32_t used = used_.load(std::memory_order_acquire);
  for (uint32_t slot = 0; slot < used; ++slot) {
    add_slot(file_.cells(layout.slot_offset(slot)), lanes, first_name, last_name, order);
  }
  add_slot(file_.cells(layout.shared_slot), lanes, first_name, last_name, order);
}

void EmitSlots::add_slot(const Cell* slot, std::vector<LaneNumbers>& lanes, size_t first_name,
                         size_t last_name, std::memory_order order) const noexcept {
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    for (size_t name = first_name; name <= last_name; ++name) {
      const Cell* row = slot + (lane * kEmitNameSlots + name) * kSeverityClasses;
      SeverityCounts& sum = lanes[lane].emit[name];
      for (size_t c = 0; c < kSeverityClasses; ++c) sum.by_class[c] += row[c].load(order);
    }
  }
}

}  // namespace forebay::account
