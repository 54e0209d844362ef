// Whose turn it is among lanes that share something: the drain thread, or the way to a destination.
//
// Strict lanes go first, in their order. The others share what is left by weight: in a long run of
// turns where all of them have something, each gets its weight's part of the bytes (start-time fair
// queueing: a lane's next turn begins where its last one ended, in units of bytes by weight, and
// the earliest begins). Who had nothing to take saves nothing up.
//
// Nobody starves: after kTurns turns of strict lanes while others waited, the one that waited
// longest has a turn, the weighted lanes together counting as one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace forebay {

struct LaneTurn {
  bool strict = true;
  uint32_t weight = 1;  // 1..100, where not strict
};

// Passive, not thread-safe.
class LaneTurns {
 public:
  static constexpr uint32_t kTurns = 8;

  explicit LaneTurns(const std::vector<LaneTurn>& lanes);

  // The lane whose turn it is among those that are `busy(lane)`; nothing where none is. Changes
  // nothing: the turn is over when took() says what it came to.
  template <class Busy>
  [[nodiscard]] std::optional<size_t> next(const Busy& busy) {
    for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i].busy = busy(i);
    return choose();
  }
  // The lane that next() named took that many bytes; zero is a turn too.
  void took(size_t lane, uint64_t bytes);

 private:
  struct Lane {
    LaneTurn turn;
    bool busy = false;
    uint64_t passed_over = 0;  // turns of others while a strict lane had something
    uint64_t ends_at = 0;      // of a weighted lane's last turn, in bytes by weight
  };

  [[nodiscard]] std::optional<size_t> choose() const;
  [[nodiscard]] std::optional<size_t> first_strict() const;
  [[nodiscard]] std::optional<size_t> first_weighted() const;
  [[nodiscard]] uint64_t begins_at(const Lane& lane) const;

  std::vector<Lane> lanes_;
  uint64_t group_passed_over_ = 0;  // of the weighted lanes together
  uint64_t strict_turns_ = 0;       // since somebody else who waited had one
  uint64_t now_ = 0;                // where the last weighted turn began
};

}  // namespace forebay
