// A whole collector in one thread under a seed, with virtual time.
//
// A Simulation draws its options from the seed, then acts at random: threads emit past rules,
// limits and policies, intake and delivery step in any order, time jumps, the destinations of one
// to three routes lie, somebody flushes or dumps the flight recorder, threads come and go. After
// every step the ledger's law is checked, and what the ledger says is held against what the
// simulation itself counted, what a plain model of the rules says, and what the destination really
// took.
//
// The first thing that does not hold is thrown, as text.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "admission_model.h"
#include "base/silence.h"
#include "collector.h"
#include "lying_route.h"

namespace forebay::simulation {

// What one seed came to: so that a run can be compared with its repetition, and a campaign can tell
// that its seeds reached everything.
struct Outcome {
  std::map<std::string, int64_t> numbers;  // the collector's, at the end
  uint64_t steps = 0;
  uint64_t taken = 0;
  uint64_t flushes = 0;

  bool operator==(const Outcome&) const = default;
};
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
    bool may_be_cut = false;
    bool may_arrive = false;
  };
  struct Emitter {
    std::unique_ptr<engine::ThreadBinding> binding;
    uint64_t thread = 0;  // another one each time it comes
  };
  // A record, and what it is made of while it is emitted.
  struct Made {
    engine::Logger* logger = nullptr;
    const forebay_site* site = nullptr;
    forebay_value kind{};  // the site's value
    std::array<forebay_attribute, 2> attributes{};
    forebay_extra extra{};
    std::string pad;
    Judged judged;
  };
  struct Flush {
    uint64_t up_to = 0;  // ids of records emitted before
    bool drained = false;
    uint64_t last_batch = 0;
  };

  // -- options --
  void draw_options();
  void draw_lane(size_t index, size_t lanes, double share);
  void draw_lane_rules(pipeline::LaneOptions& lane, size_t index, size_t lanes);
  void draw_sampling();
  void draw_recorder();
  void draw_route(size_t index);
  void draw_faults(LyingDestination& destination);
  void make_collector();
  void make_loggers();
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  template <class T, size_t N>
  T one_of(const T (&choices)[N]) {
    return choices[random_.below(N)];
  }

  // -- what happens --
  void act();
  void emit_some();
  void make_record(uint64_t id, engine::Logger& logger, Made& made);
  void emit(uint32_t emitter, engine::Logger& logger);
  void count(int32_t outcome, Emitted& emitted, const Made& made);
  void come_and_go();
  void step_intake(bool everything);
  void step_delivery();
  void pass_time();
  void flush_some();
  void settle_everything();
  void shut_down();

  // -- what must hold --
  void judge(int32_t outcome, uint32_t lane, const Made& made);
  void judge_limit(uint32_t lane, const Made& made);
  void took(LyingRoute& route, const Arrival& arrival, const EncodedBatch& batch);
  void took_gap(const Arrival& arrival, const EncodedBatch& batch) const;
  void check(const char* after);
  void check_books(const char* after);
  void check_weights(const account::Snapshot& snapshot, const char* after) const;
  void check_numbers(const char* after);
  void check_route(const LyingRoute& route);
  void check_losses();
  void check_ended();
  void expect(bool holds, const std::string& what) const;

  [[nodiscard]] std::map<std::string, int64_t> numbers() const;
  [[nodiscard]] account::Snapshot snapshot() const;
  [[nodiscard]] pipeline::Pipeline& pipeline() const { return *incarnation_->pipeline; }
  [[nodiscard]] bool samples_by_trace() const;

  const Silence silence_;  // of lying destinations and lossy lanes
  Random random_;
  ManualClock clock_;
  const MonotonicTime begin_ = clock_.now();
  engine::CollectorOptions options_;
  AdmissionModel model_{options_};
  std::vector<std::unique_ptr<LyingRoute>> routes_;
  engine::Collector* collector_ = nullptr;
  engine::Incarnation* incarnation_ = nullptr;
  std::vector<engine::Logger*> loggers_;
  std::vector<Emitter> emitters_;
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
  // Records that went past a limit, by lane, and logger and site where those have their own.
  std::map<std::tuple<uint32_t, const void*, const void*>, int64_t> passed_;
};

}  // namespace forebay::simulation
