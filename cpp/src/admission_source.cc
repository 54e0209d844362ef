#include "admission_source.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "admit/thread_gate.h"
#include "model/site.h"

namespace forebay::engine {
namespace {

using admit::LimitedBy;
using admit::LimitedCell;
using admit::SampleCell;
using model::OwnedValue;

// A message that names its call site is cut to so many bytes.
constexpr size_t kMostKeyBytes = 200;

std::string_view name_of(LimitedBy by) noexcept {
  switch (by) {
    case LimitedBy::kLogger:
      return "logger";
    case LimitedBy::kSite:
      return "site";
    case LimitedBy::kLane:
      break;
  }
  return "lane";
}

OwnedValue whole(uint64_t number) {
  OwnedValue value;
  value.type = FOREBAY_INT64;
  value.i64 = static_cast<int64_t>(number);
  return value;
}

}  // namespace

void AdmissionSource::collect(MonotonicTime now, bool final, pipeline::InternalSink& sink) {
  gate_.advance_epoch();
  const bool tells_all = final && is_flushing_;
  if (!tells_all && now - summarized_ < summary_interval_) return;
  summarized_ = now;
  const bool has_told = tell_suppressed(sink);
  if (!tells_all) return;
  // Once a flush, unless there was no room: what is emitted meanwhile is not of this flush.
  is_flushing_ = !tell_remainders(sink) || !has_told;
}

bool AdmissionSource::tell_suppressed(pipeline::InternalSink& sink) {
  struct Group {
    uint64_t suppressed = 0;
    uint32_t severity = 0;  // the highest
    std::vector<std::pair<LimitedCell*, uint64_t>> cells;
  };
  std::map<std::tuple<uint32_t, uint32_t, const model::Site*>, Group> groups;
  for (const admit::ThreadGate* thread : gate_.threads()) {
    for (LimitedCell* cell = thread->limited_cells(); cell != nullptr; cell = cell->next) {
      const uint64_t suppressed = cell->suppressed.load(std::memory_order_relaxed);
      if (suppressed == cell->told) continue;
      Group& group = groups[{cell->lane, cell->scope, cell->site}];
      group.suppressed += suppressed - cell->told;
      group.severity = std::max(group.severity, cell->severity);
      group.cells.emplace_back(cell, suppressed);
    }
  }
  bool has_told = true;
  for (const auto& [key, group] : groups) {
    const auto& [lane, scope, site] = key;
    pipeline::InternalRecord record;
    record.severity = group.severity;
    record.kind = "suppressed";
    record.body = std::to_string(group.suppressed) + " records suppressed";
    record.attributes = {
        {"forebay.suppressed.count", whole(group.suppressed)},
        {"forebay.suppressed.by", OwnedValue::text(name_of(gate_.limit_of(lane)->by))},
        {"forebay.suppressed.key", OwnedValue::text(key_text(lane, scope, site))}};
    if (!sink.add_internal(lane, record)) {  // told the next time
      has_told = false;
      continue;
    }
    for (const auto& [cell, suppressed] : group.cells) cell->told = suppressed;
  }
  return has_told;
}

bool AdmissionSource::tell_remainders(pipeline::InternalSink& sink) {
  struct Claim {
    SampleCell* cell = nullptr;
    uint64_t records = 0;
  };
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>, std::vector<Claim>> groups;
  for (const admit::ThreadGate* thread : gate_.threads()) {
    for (SampleCell* cell = thread->sample_cells(); cell != nullptr; cell = cell->next) {
      if (cell->suppressed.pending() == 0) continue;
      groups[{cell->rule, cell->lane, cell->scope, cell->severity}].push_back({cell, 0});
    }
  }
  bool has_told = true;
  for (auto& [key, claims] : groups) {
    const auto& [rule, lane, scope, severity] = key;
    pipeline::InternalRecord record;
    record.severity = severity;
    record.scope = scope;
    record.kind = "remainder";
    record.attributes = {{"forebay.adjusted_count", whole(0)},
                         {"forebay.sampling.rule", whole(rule)}};
    // From here on nothing allocates before the record is taken: what is claimed must be told.
    for (Claim& claim : claims) {
      claim.records = claim.cell->suppressed.claim();
      record.represents += claim.records;
    }
    if (record.represents == 0) continue;  // the threads' own records stand for them by now
    record.attributes.front().value.i64 = static_cast<int64_t>(record.represents);
    if (sink.add_internal(lane, record)) continue;
    for (const Claim& claim : claims) claim.cell->suppressed.give_back(claim.records);
    has_told = false;
  }
  return has_told;
}

std::string AdmissionSource::key_text(uint32_t lane, uint32_t scope,
                                      const model::Site* site) const {
  const LimitedBy by = gate_.limit_of(lane)->by;
  if (by == LimitedBy::kLane) return lane_names_[lane];
  const model::Scope* logger = model::SiteRegistry::process().scope(scope);
  std::string text = logger != nullptr ? logger->name : "";
  if (by == LimitedBy::kLogger) return text;
  text += ": ";
  if (site == nullptr) return text;
  if (!site->file.empty()) return text + site->file + ":" + std::to_string(site->line);
  return text + site->body.substr(0, kMostKeyBytes);
}

}  // namespace forebay::engine
