#include "pipeline/loss_notice.h"

#include <map>

namespace forebay::pipeline {
namespace {

using Reasons = std::map<std::string, uint64_t, std::less<>>;

Reasons reasons_of(const account::LaneLosses& losses) {
  Reasons reasons;
  losses.visit_lost(
      [&](std::string_view reason, uint64_t records) { reasons[std::string(reason)] += records; });
  losses.visit_refused([&](std::string_view reason, uint64_t records) {
    if (reason != "not_started") reasons["refused " + std::string(reason)] += records;
  });
  return reasons;
}

// "1,234,567"
std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

Reasons between(const Reasons& before, Reasons after) {
  for (const auto& [reason, records] : before) after[reason] -= records;
  std::erase_if(after, [](const auto& one) { return one.second == 0; });
  return after;
}

// "104 records (queue_full_newest 100, backlog_full 4)"
std::string records_of(const Reasons& reasons) {
  uint64_t sum = 0;
  std::string parts;
  for (const auto& [reason, records] : reasons) {
    sum += records;
    parts += (parts.empty() ? "" : ", ") + reason + " " + grouped(records);
  }
  return grouped(sum) + (sum == 1 ? " record (" : " records (") + parts + ")";
}

std::string records_between(const account::LaneLosses& before, const account::LaneLosses& after) {
  return records_of(between(reasons_of(before), reasons_of(after)));
}

Reasons without_the_end(const account::LaneLosses& losses) {
  Reasons reasons = reasons_of(losses);
  for (const char* of_the_end : {"shutdown", "unknown"}) reasons.erase(of_the_end);
  return reasons;
}

std::string whole_seconds(Duration duration) {
  return std::to_string(std::chrono::round<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

std::optional<std::string> LossNotice::look(std::string_view lane,
                                            const account::LaneLosses& losses, MonotonicTime now) {
  const uint64_t total = losses.lost() + losses.refused() - losses.not_started();
  const uint64_t told = told_.lost() + told_.refused() - told_.not_started();
  if (total != seen_) {
    if (seen_ == told) began_ = now;
    seen_ = total;
    changed_ = now;
  }
  if (is_losing_) {
    if (now - changed_ < kOver) return std::nullopt;
    std::string text = "lane '" + std::string(lane) + "' lost nothing in the last " +
                       whole_seconds(now - changed_) + "; in the " +
                       whole_seconds(changed_ - began_) + " before it lost " +
                       records_between(told_, losses);
    told_ = said_ = losses;
    is_losing_ = false;
    return text;
  }
  if (total == told || (spoke_ && now - *spoke_ < kQuiet)) return std::nullopt;
  std::string text =
      "lane '" + std::string(lane) + "' loses records: so far " + records_between(told_, losses);
  said_ = losses;
  is_losing_ = true;
  spoke_ = now;
  return text;
}

std::optional<std::string> LossNotice::end(std::string_view lane,
                                           const account::LaneLosses& losses) const {
  const Reasons now = without_the_end(losses);
  if (between(without_the_end(said_), now).empty()) return std::nullopt;
  return "lane '" + std::string(lane) + "' lost until the end " +
         records_of(between(without_the_end(told_), now));
}

}  // namespace forebay::pipeline
