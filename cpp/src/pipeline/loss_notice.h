// Tells whoever runs the process that a lane loses records: a line on stderr when it begins and one
// when it is over, or the collector ends, with numbers.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "account/losses.h"
#include "base/clock.h"

namespace forebay::pipeline {

// One lane's. Passive: the drain thread looks at the books, and writes what this says. Refusals
// count too: through a bridge nobody else hears of them.
class LossNotice {
 public:
  // It is over once nothing was lost for so long.
  static constexpr Duration kOver = std::chrono::seconds{10};
  // A lane that begins again within this time of the last beginning is told of later, in sum.
  static constexpr Duration kQuiet = std::chrono::seconds{60};

  // What to say now; nothing: nothing new. `losses` only grow. May throw std::bad_alloc, and says
  // it at the next look then.
  std::optional<std::string> look(std::string_view lane, const account::LaneLosses& losses,
                                  MonotonicTime now);
  // The same when the collector ends. What was let go for want of time, or was sent and not
  // answered, is for whoever ended it to tell. May throw std::bad_alloc.
  [[nodiscard]] std::optional<std::string> end(std::string_view lane,
                                               const account::LaneLosses& losses) const;

 private:
  account::LaneLosses told_;  // at the last line that was about what is over
  account::LaneLosses said_;  // at the last line
  uint64_t seen_ = 0;         // records lost and refused, at the last look
  MonotonicTime changed_{};   // when that last grew
  MonotonicTime began_{};     // of what goes on
  bool is_losing_ = false;
  std::optional<MonotonicTime> spoke_;
};

}  // namespace forebay::pipeline
