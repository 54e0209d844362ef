// What the rules say about a record, worked out as slowly and as plainly as can be: the simulation
// holds what admission did against it.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "collector_options.h"

namespace forebay::simulation {

// A record as rules see it.
struct Judged {
  std::string logger;
  uint32_t severity = 0;
  std::map<std::string, std::string> attributes;  // as texts
  bool has_trace = false;
  uint8_t trace_id[16] = {};
};

class AdmissionModel {
 public:
  explicit AdmissionModel(const engine::CollectorOptions& options) : options_(options) {}

  // Index of the lane.
  [[nodiscard]] uint32_t lane_of(const Judged& record) const;
  // What the first rule of sampling that matches allows.
  struct Sampling {
    bool may_be_kept = true;
    bool may_be_let_go = false;
  };
  [[nodiscard]] Sampling sampling_of(const Judged& record) const;

 private:
  [[nodiscard]] static bool meets(const Judged& record,
                                  const std::vector<admit::AttributeRule>& asked);

  const engine::CollectorOptions& options_;
};

}  // namespace forebay::simulation
