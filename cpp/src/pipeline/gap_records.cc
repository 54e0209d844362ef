#include "pipeline/gap_records.h"

#include <algorithm>
#include <string>

namespace forebay::pipeline {
namespace {

model::OwnedValue number(uint64_t n) {
  model::OwnedValue value;
  value.type = FOREBAY_INT64;
  value.i64 = static_cast<int64_t>(n);
  return value;
}

std::string body_of(uint64_t lost, uint64_t refused) {
  const std::string records = lost + refused == 1 ? " record " : " records ";
  if (lost == 0) return std::to_string(refused) + records + "refused";
  std::string text = std::to_string(lost) + (lost == 1 ? " record lost" : " records lost");
  if (refused != 0) text += ", " + std::to_string(refused) + " refused";
  return text;
}

}  // namespace

void GapRecords::look(const account::LaneLosses& losses, WallTime now) noexcept {
  const uint64_t lost = losses.lost();
  const uint64_t refused = losses.refused() - losses.not_started();
  if (lost != lost_ || refused != refused_) {
    if (!has_news()) since_ = seen_at_;
    // The wall clock may have been set back meanwhile.
    until_ = std::max(now, since_);
    lost_ = lost;
    refused_ = refused;
  }
  seen_at_ = now;
}

InternalRecord GapRecords::record(std::string_view lane, const account::LaneLosses& losses) const {
  InternalRecord record;
  record.severity = model::kWarn;
  record.kind = "gap";
  record.body = body_of(lost_ - lost_told_, refused_ - refused_told_);
  const auto add = [&](std::string key, model::OwnedValue value) {
    record.attributes.push_back({std::move(key), std::move(value)});
  };
  const auto nanoseconds = [](WallTime time) {
    return number(static_cast<uint64_t>(time.time_since_epoch().count()));
  };
  add("forebay.lane", model::OwnedValue::text(lane));
  add("forebay.lost.since", nanoseconds(since_));
  add("forebay.lost.until", nanoseconds(until_));
  add("forebay.lost.total", number(lost_));
  losses.visit_lost([&](std::string_view reason, uint64_t records) {
    add("forebay.lost." + std::string(reason), number(records));
  });
  if (losses.refused() != 0) add("forebay.refused.total", number(losses.refused()));
  losses.visit_refused([&](std::string_view reason, uint64_t records) {
    add("forebay.refused." + std::string(reason), number(records));
  });
  return record;
}

}  // namespace forebay::pipeline
