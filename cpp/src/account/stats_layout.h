// The stats file, byte by byte. docs/ledger.md is the reference; a change here is a change there.
//
//   header   fixed fields, then tables of every text; everything a reader needs to find the rest
//   flow     intake, routes, notes, journal, pending moves, the shared emit slot: one writer
//   groups   emit slots, sixteen at a time, appended as threads come
//
// All integers are in the byte order of the machine, and `byte_order` says which that is. Offsets
// are from the start of the file. Cells are 64-bit counters, aligned to 8; a row is the eight cells
// of one name, one a severity class, aligned to 64.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "account/names.h"
#include "base/severity_class.h"

namespace forebay::account {

using Cell = std::atomic<uint64_t>;
static_assert(Cell::is_always_lock_free && sizeof(Cell) == 8);

inline constexpr std::array<char, 8> kStatsMagic = {'F', 'B', 'L', 'E', 'D', 'G', 'E', 'R'};
inline constexpr uint32_t kByteOrder = 0x01020304;
inline constexpr uint32_t kFormatVersion = 1;

inline constexpr uint32_t kRowBytes = kSeverityClasses * sizeof(uint64_t);
inline constexpr uint32_t kEmitLaneBytes = kEmitNameSlots * kRowBytes;
inline constexpr uint32_t kIntakeLaneBytes = kIntakeNameSlots * kRowBytes;
inline constexpr uint32_t kPlacesOffset = kRouteNameSlots * kRowBytes;  // in a route's lane
inline constexpr uint32_t kRouteLaneBytes = kPlacesOffset + kPlaceSlots * kRowBytes;

inline constexpr uint32_t kGaugeLaneBytes = kGaugeSlots * sizeof(uint64_t);

inline constexpr uint32_t kSlotsPerGroup = 16;
inline constexpr uint32_t kMaxSlots = 1024;

enum class RunState : uint32_t { kRunning = 1, kEnded = 2 };

// A row of the journal: what eight cells are to become.
struct JournalRow {
  uint64_t offset;  // of the row, in the file
  std::array<uint64_t, kSeverityClasses> values;
};
// batched() writes one row of the intake and one of each route.
inline constexpr uint32_t kJournalRows = 12;
struct Journal {
  uint64_t rows;
  std::array<JournalRow, kJournalRows> row;
};

// A batch that is on its way from one place to another, where its bytes are in a spool: written
// before the first of them moves, cleared after the step is in the books. For the spool.
inline constexpr uint32_t kPendingMoves = 8;  // a route
struct PendingMove {
  uint32_t written;  // 1: the rest holds; stored last, cleared first
  uint8_t lane;
  uint8_t from;  // Place
  uint8_t to;
  uint8_t batch_id_bytes;
  std::array<uint64_t, kSeverityClasses> counts;
  std::array<char, 120> batch_id;
};
static_assert(sizeof(PendingMove) == 192);

struct StatsHeader {
  std::array<char, 8> magic;  // written last: a file without it is not ready
  uint32_t byte_order;
  uint32_t format_version;
  uint32_t header_bytes;  // fixed fields and tables, padded
  uint32_t fixed_bytes;   // of this struct
  uint32_t tables_offset;
  uint32_t tables_bytes;

  uint64_t pid;
  uint64_t pid_namespace;  // inode of /proc/self/ns/pid; 0: unknown
  uint64_t start_ticks;    // of the process, since boot; 0: unknown
  uint64_t ticks_per_second;
  int64_t started_wall_ns;  // of the ledger
  std::array<uint8_t, 16> boot_id;

  std::atomic<uint32_t> state;  // RunState
  uint32_t reserved;
  std::atomic<int64_t> ended_wall_ns;
  std::atomic<int64_t> heartbeat_wall_ns;

  Cell sequence;  // odd while a step is copied from the journal into the cells

  uint32_t intake_offset;  // [lane][name][class]
  uint32_t intake_lane_bytes;
  uint32_t route_offset;  // [route][lane]{[name][class], [place][class]}
  uint32_t route_bytes;
  uint32_t route_lane_bytes;
  uint32_t places_offset;  // within a route's lane
  uint32_t journal_offset;
  uint32_t journal_row_bytes;
  uint32_t journal_rows;
  uint32_t pending_offset;  // [route][entry]
  uint32_t pending_route_bytes;
  uint32_t pending_entry_bytes;
  uint32_t pending_entries;
  uint32_t notes_offset;
  uint32_t note_cells;

  uint32_t shared_slot_offset;  // [lane][name][class], as every slot
  uint32_t slot_bytes;
  uint32_t slot_lane_bytes;
  uint32_t slots_per_group;
  uint32_t max_slots;
  uint64_t groups_offset;
  uint64_t group_bytes;  // from one group to the next
  Cell groups;           // whose room is in the file
  Cell leased_slots;     // now
  Cell shared_leases;    // now

  uint32_t gauges_offset;  // [lane][gauge]
  uint32_t gauge_lane_bytes;

  uint32_t log_lanes;  // the first of the lanes: those that carry log records; others carry points
  uint32_t reserved_2;
};
static_assert(sizeof(StatsHeader) == 256 && offsetof(StatsHeader, pid) == 32 &&
              offsetof(StatsHeader, state) == 88 && offsetof(StatsHeader, sequence) == 112 &&
              offsetof(StatsHeader, groups_offset) == 200 && offsetof(StatsHeader, groups) == 216);

// Where things are in the file of a ledger with so many lanes and routes.
struct StatsLayout {
  uint32_t lanes = 0;
  uint32_t routes = 0;
  uint32_t header_bytes = 0;
  uint32_t intake = 0;
  uint32_t route = 0;
  uint32_t notes = 0;
  uint32_t journal = 0;
  uint32_t pending = 0;
  uint32_t shared_slot = 0;
  uint32_t gauges = 0;
  uint32_t slot_bytes = 0;
  uint64_t groups = 0;
  uint64_t group_bytes = 0;

  // `page_bytes`: groups are mapped one by one, so they begin at pages.
  static StatsLayout of(size_t lanes, size_t routes, size_t tables_bytes, size_t page_bytes);

  [[nodiscard]] uint64_t slot_offset(uint32_t slot) const noexcept {
    return groups + (slot / kSlotsPerGroup) * group_bytes +
           uint64_t{slot % kSlotsPerGroup} * slot_bytes;
  }
  [[nodiscard]] uint64_t most_bytes() const noexcept {
    return groups + (kMaxSlots / kSlotsPerGroup) * group_bytes;
  }
};

}  // namespace forebay::account
