#include "admission_model.h"

#include <algorithm>

namespace forebay::simulation {

bool AdmissionModel::meets(const Judged& record, const std::vector<admit::AttributeRule>& asked) {
  return std::all_of(asked.begin(), asked.end(), [&](const admit::AttributeRule& rule) {
    const auto found = record.attributes.find(rule.key());
    return found != record.attributes.end() && found->second == rule.text();
  });
}

uint32_t AdmissionModel::lane_of(const Judged& record) const {
  const auto& lanes = options_.pipeline.lanes;
  // Those with a name or an attribute first, then the others; each in their order.
  for (const bool named : {true, false}) {
    for (uint32_t i = 0; i < lanes.size(); ++i) {
      const admit::LaneRule& rule = lanes[i].rule;
      if (named != (!rule.logger.is_any() || !rule.attributes.empty())) continue;
      if (record.severity >= rule.min_severity && rule.logger.takes(record.logger) &&
          meets(record, rule.attributes)) {
        return i;
      }
    }
  }
  return static_cast<uint32_t>(lanes.size()) - 1;
}

AdmissionModel::Sampling AdmissionModel::sampling_of(const Judged& record) const {
  using Kind = admit::SamplingRule::Kind;
  for (const admit::SamplingRule& rule : options_.sampling) {
    const bool in_range = record.severity == 0 ? rule.min_severity == 0 && rule.max_severity == 24
                                               : record.severity >= rule.min_severity &&
                                                     record.severity <= rule.max_severity;
    if (!in_range || !rule.logger.takes(record.logger) || !meets(record, rule.attributes)) continue;
    switch (rule.kind) {
      case Kind::kTraceRatio: {
        if (!record.has_trace) continue;
        const bool is_kept = rule.ratio > 0 && admit::keeps_trace(record.trace_id, rule.halvings());
        return {is_kept, !is_kept};
      }
      case Kind::kRatio:
        return {rule.ratio > 0, rule.ratio < 1};
      case Kind::kBurst:
        return {rule.first > 0 || rule.then_every > 0, true};
    }
  }
  return {};
}

}  // namespace forebay::simulation
