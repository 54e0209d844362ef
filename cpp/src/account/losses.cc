#include "account/losses.h"

#include <map>

namespace forebay::account {
namespace {

constexpr std::string_view kDropped = "dropped.";
constexpr std::string_view kRefused = "refused.";

std::string_view reason_of(std::string_view name, std::string_view prefix) noexcept {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

}  // namespace

uint64_t LaneLosses::lost() const noexcept {
  uint64_t sum = 0;
  for (size_t n = 0; n < kEmitNames; ++n) sum += is_loss(static_cast<EmitName>(n)) ? emit[n] : 0;
  for (const uint64_t records : intake) sum += records;
  for (const uint64_t records : route) sum += records;
  return sum;
}

uint64_t LaneLosses::refused() const noexcept {
  uint64_t sum = 0;
  for (size_t n = 0; n < kEmitNames; ++n) sum += is_refusal(static_cast<EmitName>(n)) ? emit[n] : 0;
  return sum;
}

void LaneLosses::visit_lost(const Visitor& visit) const {
  std::map<std::string_view, uint64_t> reasons;
  for (size_t n = 0; n < kEmitNames; ++n) {
    if (is_loss(static_cast<EmitName>(n)))
      reasons[reason_of(kEmitNameTexts[n], kDropped)] += emit[n];
  }
  for (size_t n = 0; n < kIntakeNames; ++n) {
    if (is_loss(static_cast<IntakeName>(n)))
      reasons[reason_of(kIntakeNameTexts[n], kDropped)] += intake[n];
  }
  for (size_t n = 0; n < kRouteNames; ++n) {
    if (is_loss(static_cast<RouteName>(n)))
      reasons[reason_of(kRouteNameTexts[n], kDropped)] += route[n];
  }
  for (const auto& [reason, records] : reasons) {
    if (records != 0) visit(reason, records);
  }
}

void LaneLosses::visit_refused(const Visitor& visit) const {
  for (size_t n = 0; n < kEmitNames; ++n) {
    if (emit[n] != 0 && is_refusal(static_cast<EmitName>(n))) {
      visit(reason_of(kEmitNameTexts[n], kRefused), emit[n]);
    }
  }
}

}  // namespace forebay::account
