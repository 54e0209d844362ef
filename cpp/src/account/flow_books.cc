#include "account/flow_books.h"

#include <algorithm>

namespace forebay::account {
namespace {

SeverityCounts read_row(const Cell* row) noexcept {
  SeverityCounts counts;
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    counts.by_class[c] = row[c].load(std::memory_order_relaxed);
  }
  return counts;
}

// What is left of `held` without `records`. What a class has too few of is taken from the largest
// class; where all of it is not enough, nothing is left (and the route's difference tells).
SeverityCounts less(SeverityCounts held, const SeverityCounts& records) noexcept {
  uint64_t missing = 0;
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    const uint64_t taken = std::min(held.by_class[c], records.by_class[c]);
    held.by_class[c] -= taken;
    missing += records.by_class[c] - taken;
  }
  while (missing != 0) {
    uint64_t& largest = *std::max_element(held.by_class.begin(), held.by_class.end());
    if (largest == 0) break;
    const uint64_t taken = std::min(largest, missing);
    largest -= taken;
    missing -= taken;
  }
  return held;
}

}  // namespace

// One step under the books' mutex: collects rows, and makes the step at its end.
class FlowBooks::Step {
 public:
  explicit Step(FlowBooks& books) : file_(books.file_), lock_(books.mutex_) {}
  ~Step() { commit(); }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  void add(uint64_t row, const SeverityCounts& records) noexcept {
    SeverityCounts now = read_row(file_.cells(row));
    now += records;
    set(row, now);
  }
  void take(uint64_t row, const SeverityCounts& records) noexcept {
    set(row, less(read_row(file_.cells(row)), records));
  }

 private:
  void set(uint64_t row, const SeverityCounts& values) noexcept {
    JournalRow& entry = file_.journal().row[rows_++];
    entry.offset = row;
    entry.values = values.by_class;
  }

  void commit() noexcept {
    Journal& journal = file_.journal();
    journal.rows = rows_;
    Cell& sequence = file_.header().sequence;
    const uint64_t before = sequence.load(std::memory_order_relaxed);
    sequence.store(before + 1, std::memory_order_release);
    for (size_t i = 0; i < rows_; ++i) {
      Cell* row = file_.cells(journal.row[i].offset);
      for (size_t c = 0; c < kSeverityClasses; ++c) {
        row[c].store(journal.row[i].values[c], std::memory_order_release);
      }
    }
    sequence.store(before + 2, std::memory_order_release);
  }

  StatsFile& file_;
  const std::lock_guard<std::mutex> lock_;
  size_t rows_ = 0;
};

uint64_t FlowBooks::intake_row(uint32_t lane, IntakeName name) const noexcept {
  return file_.layout().intake + uint64_t{lane} * kIntakeLaneBytes +
         static_cast<uint64_t>(name) * kRowBytes;
}

uint64_t FlowBooks::route_row(uint32_t route, uint32_t lane, RouteName name) const noexcept {
  const StatsLayout& layout = file_.layout();
  return layout.route + (uint64_t{route} * layout.lanes + lane) * kRouteLaneBytes +
         static_cast<uint64_t>(name) * kRowBytes;
}

uint64_t FlowBooks::place_row(uint32_t route, uint32_t lane, Place place) const noexcept {
  return route_row(route, lane, RouteName{}) + kPlacesOffset +
         static_cast<uint64_t>(place) * kRowBytes;
}

void FlowBooks::intake(IntakeName name, uint32_t lane, const SeverityCounts& records) {
  Step(*this).add(intake_row(lane, name), records);
}

void FlowBooks::batched(uint32_t lane, const SeverityCounts& records) {
  Step step(*this);
  step.add(intake_row(lane, IntakeName::kBatched), records);
  for (uint32_t route = 0; route < file_.layout().routes; ++route) {
    step.add(place_row(route, lane, Place::kBacklog), records);
  }
}

void FlowBooks::move(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
                     Place to) {
  if (from == to) return;
  Step step(*this);
  if (from != Place::kNowhere) step.take(place_row(route, lane, from), records);
  if (to != Place::kNowhere) step.add(place_row(route, lane, to), records);
}

void FlowBooks::end(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
                    RouteName name) {
  Step step(*this);
  if (from != Place::kNowhere) step.take(place_row(route, lane, from), records);
  step.add(route_row(route, lane, name), records);
}

void FlowBooks::recovered(uint32_t route, uint32_t lane, const SeverityCounts& records, Place to) {
  Step step(*this);
  step.add(route_row(route, lane, RouteName::kRecovered), records);
  if (to != Place::kNowhere) step.add(place_row(route, lane, to), records);
}

void FlowBooks::read(Snapshot& snapshot) const {
  const std::lock_guard lock(mutex_);
  for (uint32_t lane = 0; lane < file_.layout().lanes; ++lane) {
    for (size_t n = 0; n < kIntakeNames; ++n) {
      snapshot.lanes[lane].intake[n] =
          read_row(file_.cells(intake_row(lane, static_cast<IntakeName>(n))));
    }
    for (uint32_t route = 0; route < file_.layout().routes; ++route) {
      RouteLaneNumbers& numbers = snapshot.routes[route][lane];
      for (size_t n = 0; n < kRouteNames; ++n) {
        numbers.names[n] = read_row(file_.cells(route_row(route, lane, static_cast<RouteName>(n))));
      }
      for (size_t p = 0; p < kPlaces; ++p) {
        numbers.places[p] = read_row(file_.cells(place_row(route, lane, static_cast<Place>(p))));
      }
    }
  }
}

void FlowBooks::add_losses(uint32_t lane, LaneLosses& losses) const {
  const std::lock_guard lock(mutex_);
  for (size_t n = 0; n < kIntakeNames; ++n) {
    const auto name = static_cast<IntakeName>(n);
    if (is_loss(name)) losses.intake[n] += read_row(file_.cells(intake_row(lane, name))).total();
  }
  for (size_t n = 0; n < kRouteNames; ++n) {
    const auto name = static_cast<RouteName>(n);
    if (is_loss(name)) losses.route[n] += read_row(file_.cells(route_row(0, lane, name))).total();
  }
}

}  // namespace forebay::account
