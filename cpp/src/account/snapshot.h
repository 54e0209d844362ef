// The ledger at one moment, as numbers: what stats(), receipts and the laws are worked out from.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "account/names.h"
#include "base/severity_class.h"

namespace forebay::account {

struct LaneNumbers {
  std::array<SeverityCounts, kEmitCounters> emit;
  std::array<SeverityCounts, kIntakeNames> intake;
  // Records that were seen to leave before emit's count of them was seen. snapshot() has added them
  // to `emitted`, so that the law holds; anything but zero while nobody emits is a bug.
  SeverityCounts ahead;

  [[nodiscard]] const SeverityCounts& operator[](EmitName n) const noexcept {
    return emit[static_cast<size_t>(n)];
  }
  [[nodiscard]] const SeverityCounts& operator[](IntakeName n) const noexcept {
    return intake[static_cast<size_t>(n)];
  }
  // Makes up for reads that were not at one moment: see `ahead`. For who fills the numbers in.
  void settle() noexcept;
  // emitted, less what emit itself ended, less what was drained. Never negative in a snapshot.
  [[nodiscard]] uint64_t in_queue() const noexcept;
  [[nodiscard]] uint64_t in_batch() const noexcept;
};

struct RouteLaneNumbers {
  std::array<SeverityCounts, kRouteNames> names;
  std::array<SeverityCounts, kPlaces> places;

  [[nodiscard]] const SeverityCounts& operator[](RouteName n) const noexcept {
    return names[static_cast<size_t>(n)];
  }
  [[nodiscard]] const SeverityCounts& operator[](Place p) const noexcept {
    return places[static_cast<size_t>(p)];
  }
};

struct Snapshot {
  std::vector<std::string> lane_names;
  size_t log_lanes = 0;  // of log records: the first lanes; those behind are of metric points
  std::vector<std::string> route_names;
  std::vector<LaneNumbers> lanes;                     // [lane]
  std::vector<std::vector<RouteLaneNumbers>> routes;  // [route][lane]
  std::array<uint64_t, kNotes> notes{};               // [NoteName]
  // Records that sampling rules let go, and that nothing stands for yet. Not in the file: for who
  // knows the threads to fill in.
  uint64_t unclaimed = 0;

  // How far the second law is from holding for a lane of a route: batched + recovered less
  // everything it may be. Zero in every snapshot of a ledger that is kept rightly. (The first law
  // holds by construction here, since in_queue and in_batch are worked out; audit() holds them
  // against what is really inside.)
  [[nodiscard]] int64_t route_difference(size_t route, size_t lane) const noexcept;

  // Records that were emitted, by what became of those that stand for them; a record that is not
  // sampled stands for itself. Of counting rules the three add up to `emitted`. Exact at rest.
  struct Represented {
    int64_t delivered = 0;
    int64_t lost = 0;
    int64_t pending = 0;
  };
  [[nodiscard]] Represented represented() const noexcept;

  // Every name of the ledger, in the words of the contract:
  //   emitted internal recovered delivered sampled_out rate_limited refused dropped expired
  //   rejected unknown handed_over superseded held   and  refused.<reason> dropped.<reason>
  //   rejected.<reason> in_queue in_batch in_backlog in_spool in_flight batched   (totals: those of
  //   the first route) by_severity.<class>.<name>, lanes.<lane>.<name>, routes.<route>.<name>,
  //   notes.<name>, represented.{delivered, lost, pending}
  // These are of log records. The same of metric points, but by severity, begin with "metrics.".
  // All of the plain ones are visited, zero or not; below by_severity, lanes and routes the reasons
  // that are zero are left out.
  void visit(const std::function<void(std::string_view name, int64_t value)>& visitor) const;
  // The same of one lane, and of a route's log records, without a prefix.
  void visit_lane(size_t lane,
                  const std::function<void(std::string_view name, int64_t value)>& visitor) const;
  void visit_route(size_t route,
                   const std::function<void(std::string_view name, int64_t value)>& visitor) const;

 private:
  void visit_lane(size_t lane, const std::string& prefix,
                  const std::function<void(std::string_view name, int64_t value)>& visitor) const;
  void visit_route(size_t route, size_t first, size_t last, const std::string& prefix,
                   const std::function<void(std::string_view name, int64_t value)>& visitor) const;
  void visit_lanes(const std::string& prefix, size_t first, size_t last,
                   const std::function<void(std::string_view name, int64_t value)>& visitor) const;
};

}  // namespace forebay::account
