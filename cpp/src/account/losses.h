// What of a lane was lost, by the names of the ledger.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "account/names.h"

namespace forebay::account {

// Names under which a record ends that was emitted and that nobody will see, though no rule of the
// user's let it go; and those under which its caller was told.
constexpr bool is_loss(EmitName name) noexcept { return name >= EmitName::kDroppedQueueFullNewest; }
constexpr bool is_refusal(EmitName name) noexcept {
  return name >= EmitName::kRefusedQueueFull && name <= EmitName::kRefusedReentrant;
}
constexpr bool is_loss(IntakeName name) noexcept { return name >= IntakeName::kExpired; }
constexpr bool is_loss(RouteName name) noexcept {
  return name != RouteName::kRecovered && name != RouteName::kDelivered &&
         name != RouteName::kHandedOver && name != RouteName::kSuperseded;
}

// Only names that are a loss or a refusal have a number.
struct LaneLosses {
  std::array<uint64_t, kEmitNames> emit{};
  std::array<uint64_t, kIntakeNames> intake{};
  std::array<uint64_t, kRouteNames> route{};  // of the first route

  [[nodiscard]] uint64_t lost() const noexcept;
  [[nodiscard]] uint64_t refused() const noexcept;
  // Refused before there was a collector, and so before there was a lane.
  [[nodiscard]] uint64_t not_started() const noexcept {
    return emit[static_cast<size_t>(EmitName::kRefusedNotStarted)];
  }
  // Each reason that has a number, once: what is lost at emit and later for the same reason is one
  // sum. Those of `dropped` and `refused` come without the name before them, since that is what
  // most are: "backlog_full", "expired", "unknown", "rejected.bad_request".
  using Visitor = std::function<void(std::string_view reason, uint64_t records)>;
  void visit_lost(const Visitor& visit) const;
  void visit_refused(const Visitor& visit) const;
};

}  // namespace forebay::account
