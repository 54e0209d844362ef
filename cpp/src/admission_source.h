// What admission has to tell the receiver: what limits suppressed, and the weights that no kept
// record carries.
#pragma once
#include <string>
#include <vector>

#include "admit/gate.h"
#include "pipeline/internal_records.h"

namespace forebay::engine {

// Asked by the drain thread. Also moves the gate's epoch on, each time that it is asked.
class AdmissionSource final : public pipeline::InternalSource {
 public:
  // `gate` must live as long as this.
  AdmissionSource(admit::Gate& gate, std::vector<std::string> lane_names, Duration summary_interval)
      : gate_(gate), lane_names_(std::move(lane_names)), summary_interval_(summary_interval) {}

  void begin_flush() noexcept override { is_flushing_ = true; }
  void collect(MonotonicTime now, bool final, pipeline::InternalSink& sink) override;

  static constexpr Duration kAskedEvery = std::chrono::milliseconds{50};

 private:
  // One record for each lane, or logger or call site of it, that a limit suppressed records of.
  // False: there was no room for some.
  bool tell_suppressed(pipeline::InternalSink& sink);
  // One record for each rule, logger and severity whose suppressed records nothing stands for.
  // False: as above.
  bool tell_remainders(pipeline::InternalSink& sink);
  [[nodiscard]] std::string key_text(uint32_t lane, uint32_t scope, const model::Site* site) const;

  admit::Gate& gate_;
  const std::vector<std::string> lane_names_;
  const Duration summary_interval_;
  MonotonicTime summarized_{};
  bool is_flushing_ = false;  // until a round has told everything
};

}  // namespace forebay::engine
