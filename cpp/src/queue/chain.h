// A large record as a chain of runs.
//
// A record that does not fit the run it begins in goes on in others: the last eight bytes of each
// run of the chain name the next. Only the first run travels through the queue; who takes it takes
// them all.
#pragma once
#include <cstdint>
#include <cstring>

#include "model/record.h"
#include "queue/slot_arena.h"

namespace forebay::queue {

inline constexpr uint32_t kNoLink = UINT32_MAX;
inline constexpr uint32_t kLinkBytes = 8;  // four of them used: what follows stays aligned

inline model::RecordHeader header_at(const uint8_t* record) noexcept {
  model::RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  return header;
}

// Whether the record at the start of the run goes on in others.
inline bool is_chain(const SlotArena& arena, Run run) noexcept {
  return header_at(arena.slot(run.first())).size > run.bytes();
}

inline uint32_t link_of(const SlotArena& arena, Run run) noexcept {
  uint32_t link = 0;
  std::memcpy(&link, arena.slot(run.first()) + run.bytes() - kLinkBytes, sizeof link);
  return link;
}

inline void set_link(const SlotArena& arena, Run run, uint32_t link) noexcept {
  std::memcpy(arena.slot(run.first()) + run.bytes() - kLinkBytes, &link, sizeof link);
}

}  // namespace forebay::queue
