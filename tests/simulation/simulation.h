// The whole core in one thread under a seed, with virtual time.
//
// A Simulation draws its options from the seed, then acts at random: producers emit, intake and
// delivery step in any order, time jumps, the destinations of one to three routes lie, somebody
// flushes, threads come and go. After every step the ledger's law is checked, and what the ledger
// says is held against what the simulation itself counted and what the destination really took.
//
// The first thing that does not hold is thrown, as text.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lying_route.h"
#include "pipeline/pipeline.h"

namespace forebay::simulation {

// What one seed came to: so that a run can be compared with its repetition, and a campaign can tell
// that its seeds reached everything.
struct Outcome {
  std::map<std::string, int64_t> numbers;  // the ledger's, at the end
  uint64_t steps = 0;
  uint64_t taken = 0;
  uint64_t flushes = 0;

  bool operator==(const Outcome&) const = default;
};
// Every name of the ledger with its number.
std::map<std::string, int64_t> numbers_of(const account::Snapshot& snapshot);
// The text of a record, worked out from its number.
std::string pad_of(uint64_t id, size_t bytes);

class Simulation {
 public:
  explicit Simulation(uint64_t seed);
  ~Simulation();

  // Faults, then (but where it was shut down in the middle) none until all is settled, then the
  // shutdown. Throws std::runtime_error with what did not hold.
  Outcome run();

 private:
  struct Emitted {
    uint64_t thread = 0;
    uint32_t lane = 0;
    uint32_t scope = 0;
    uint32_t pad = 0;  // bytes
    bool cut = false;
  };
  struct Emitter {
    std::vector<queue::Producer*> producers;  // by lane; null: not attached
    account::ThreadCounters counters;
    uint64_t thread = 0;  // another one each time it comes
  };
  struct Flush {
    uint64_t up_to = 0;  // ids of records emitted before
    bool drained = false;
    uint64_t last_batch = 0;
  };

  void draw_options();
  void draw_lane(size_t index, double share);
  void draw_route(size_t index);
  void draw_faults(LyingDestination& destination);
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  template <class T, size_t N>
  T one_of(const T (&choices)[N]) {
    return choices[random_.below(N)];
  }

  void act();
  void emit_some();
  void emit(uint32_t emitter, uint32_t lane);
  queue::Admission emit_record(uint32_t emitter, uint32_t lane, const model::RecordInput& input,
                               bool& cut);
  void come_and_go();
  void step_intake(bool everything);
  void step_delivery();
  void pass_time();
  void flush_some();
  void settle_everything();
  void shut_down();

  // -- what must hold --
  void took(LyingRoute& route, const Arrival& arrival, const EncodedBatch& batch);
  void took_gap(LyingRoute& route, const Arrival& arrival, const EncodedBatch& batch);
  void check(const char* after);
  void check_books(const char* after);
  void check_numbers(const char* after);
  void check_route(const LyingRoute& route);
  void check_losses();
  void check_ended();
  void expect(bool holds, const std::string& what) const;

  Random random_;
  ManualClock clock_;
  pipeline::PipelineOptions options_;
  std::vector<std::unique_ptr<LyingRoute>> routes_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::vector<Emitter> emitters_;
  std::vector<uint32_t> scopes_;
  Duration longest_jump_{0};
  uint64_t largest_pad_ = 0;
  uint64_t audit_every_ = 1;
  bool is_shut_down_ = false;
  std::optional<Flush> flush_;
  uint64_t flushed_up_to_ = 0;
  uint64_t threads_ = 0;
  uint64_t steps_ = 0;
  uint64_t flushes_ = 0;

  // The simulation's own books, by name of the ledger, and its records by id (from 1).
  std::map<std::string, int64_t> counted_;
  std::vector<Emitted> emitted_{{}};
  std::map<std::string, int64_t> last_final_;
};

}  // namespace forebay::simulation
