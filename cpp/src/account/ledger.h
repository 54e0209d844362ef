// The ledger: where every record ends, under one name, in a file that outlives the process.
//
// Layout, laws and the order of reads: docs/ledger.md. The file is allocated before it is mapped;
// where that fails the ledger lives in anonymous memory and says so once.
//
// Emit-side counters are leased to threads (thread_counters.h). Everything from drain on is counted
// here, whole batches at a time, under one mutex, by the drain and ship threads; so those numbers
// are exact at any moment. snapshot() reads them first and the emit side after: a record that is
// drained in between can make in_queue too large, never negative.
//
// A step is in the file wholly or not at all, also where the process is killed in the middle of it:
// its new values are written down first (flow_books.h).
//
// Any thread may call anything but abandon_in_child().
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "account/losses.h"
#include "account/names.h"
#include "account/snapshot.h"
#include "account/thread_counters.h"
#include "base/clock.h"
#include "base/status.h"

namespace forebay::account {

struct LedgerOptions {
  std::string directory;    // of stats files; empty: run_directory()
  std::string instance_id;  // names the file: "<instance id>.forebay"
  std::string service_name;
  std::vector<std::string> lanes;         // of log records: 1..kMaxLogLanes
  std::vector<std::string> metric_lanes;  // of metric points, numbered on: 0..kMaxMetricLanes
  std::vector<std::string> routes;        // 1..kMaxRoutes
  bool in_memory = false;                 // no file at all: tests and simulation

  // Names the field, its value and the range. create() wants options that pass.
  [[nodiscard]] Status validate() const;
};

// $FOREBAY_RUN_DIR, else $XDG_RUNTIME_DIR/forebay, else /tmp/forebay-<uid> (0700, checked to be
// ours).
std::string run_directory();

class Ledger {
 public:
  // Never fails: what the system refuses is said in warning(), and the ledger lives in memory.
  static std::unique_ptr<Ledger> create(const LedgerOptions& options, const Clock& clock);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // -- emit side --
  // A slot for the calling thread. Its counters are never zeroed: the next thread adds on.
  ThreadCounters lease() noexcept;
  void give_back(ThreadCounters counters) noexcept;

  // -- drain and ship: each call is one step of the books --
  void drained(uint32_t lane, const SeverityCounts& records);
  void intake(IntakeName name, uint32_t lane, const SeverityCounts& records);
  // A finished batch enters the backlog of every route.
  void batched(uint32_t lane, const SeverityCounts& records);
  void move(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from, Place to);
  // Ends records that were at `from`. A class of which `from` holds fewer than are ended (always so
  // for `unattributed`) is taken from the largest class there: the sums are exact, the classes of
  // what is held are then the likeliest.
  void end(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
           RouteName name);
  // Records of a process that has ended enter at `to`.
  void recovered(uint32_t route, uint32_t lane, const SeverityCounts& records, Place to);

  // -- any thread --
  // Counts what is in no law.
  void note(NoteName name, uint64_t n = 1) noexcept;
  // How a lane is now: for readers of the file.
  struct Gauges {
    uint32_t state = 0;  // as GaugeName::kState
    uint32_t fill_permille = 0;
    std::optional<uint64_t> ms_to_full;
  };
  void gauges(uint32_t lane, const Gauges& now) noexcept;
  // Written by the drain thread now and then: a reader sees that it still runs.
  void heartbeat(WallTime now) noexcept;

  [[nodiscard]] Snapshot snapshot() const;
  // What of one lane was lost and refused: far cheaper than a snapshot.
  [[nodiscard]] LaneLosses losses(uint32_t lane) const;

  // Written into the file: "running" until then. A reader tells an end from a crash by it.
  void mark_ended() noexcept;
  // The file's path; empty where the ledger lives in memory.
  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] const std::string& warning() const noexcept;
  // In a forked child, whose memory never held the mapping (MADV_DONTFORK): puts empty pages in its
  // place, so that a thread of the child that forked in the middle of a count writes to nothing
  // that matters. Takes no lock. All that may follow is give_back() and the destructor.
  void abandon_in_child() noexcept;

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace forebay::account
