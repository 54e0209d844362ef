#include "ship/modelled_exporter.h"

#include <algorithm>

namespace forebay::ship {

bool ModelledExporter::is_out(MonotonicTime now) const noexcept {
  return std::any_of(
      destination_.outages.begin(), destination_.outages.end(),
      [now](const auto& outage) { return now >= outage.first && now < outage.second; });
}

void ModelledExporter::send(EncodedBatch batch, MonotonicTime now) {
  UnderWay one;
  one.done_at = now;
  if (is_out(now)) {
    one.attempt.kind = Attempt::Kind::kRetry;
    one.attempt.message = "connection refused";
  } else {
    Duration service{};
    if (destination_.records_per_second > 0) {
      service = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
          static_cast<double>(batch.records()) / destination_.records_per_second));
    }
    busy_until_ = std::max(now, busy_until_) + service;
    one.done_at = busy_until_ + destination_.latency;
    one.attempt.kind = Attempt::Kind::kDelivered;
    one.attempt.answered = true;
  }
  one.attempt.batch = std::move(batch);
  const auto after = std::find_if(under_way_.begin(), under_way_.end(), [&](const UnderWay& other) {
    return other.done_at > one.done_at;
  });
  under_way_.insert(after, std::move(one));
}

std::vector<Attempt> ModelledExporter::poll(Duration /*wait*/) {
  std::vector<Attempt> ended;
  const MonotonicTime now = clock_.now();
  while (!under_way_.empty() && under_way_.front().done_at <= now) {
    ended.push_back(std::move(under_way_.front().attempt));
    under_way_.pop_front();
  }
  return ended;
}

std::vector<Attempt> ModelledExporter::cancel_all() {
  std::vector<Attempt> ended;
  for (UnderWay& one : under_way_) {
    if (one.attempt.answered) one.attempt.kind = Attempt::Kind::kAmbiguous;
    ended.push_back(std::move(one.attempt));
  }
  under_way_.clear();
  return ended;
}

}  // namespace forebay::ship
