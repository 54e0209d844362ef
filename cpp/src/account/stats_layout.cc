#include "account/stats_layout.h"

namespace forebay::account {
namespace {

uint64_t rounded_up(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

StatsLayout StatsLayout::of(size_t lanes, size_t routes, size_t tables_bytes, size_t page_bytes) {
  StatsLayout layout;
  layout.lanes = static_cast<uint32_t>(lanes);
  layout.routes = static_cast<uint32_t>(routes);
  layout.header_bytes =
      static_cast<uint32_t>(rounded_up(sizeof(StatsHeader) + tables_bytes, kRowBytes));
  uint32_t at = layout.header_bytes;
  const auto place = [&at](uint64_t bytes) {
    const uint32_t offset = at;
    at += static_cast<uint32_t>(rounded_up(bytes, kRowBytes));
    return offset;
  };
  layout.slot_bytes = layout.lanes * kEmitLaneBytes;
  layout.intake = place(lanes * kIntakeLaneBytes);
  layout.route = place(routes * lanes * kRouteLaneBytes);
  layout.notes = place(kNoteSlots * sizeof(uint64_t));
  layout.journal = place(sizeof(Journal));
  layout.pending = place(routes * kPendingMoves * sizeof(PendingMove));
  layout.shared_slot = place(layout.slot_bytes);
  layout.gauges = place(lanes * kGaugeLaneBytes);
  layout.groups = rounded_up(at, page_bytes);
  layout.group_bytes = rounded_up(uint64_t{kSlotsPerGroup} * layout.slot_bytes, page_bytes);
  return layout;
}

}  // namespace forebay::account
