// Which lane a record out of the flight recorder goes to: the one that it would have gone to at
// once, had its logger's level let it through.
#pragma once
#include <cstdint>
#include <vector>

#include "admit/lane_rules.h"
#include "model/record.h"

namespace forebay::pipeline {

class RecordedLanes {
 public:
  explicit RecordedLanes(std::vector<admit::LaneRule> rules) : rules_(std::move(rules)) {}

  // Index of the lane. May throw std::bad_alloc at a scope's first record.
  [[nodiscard]] size_t lane_of(const model::RecordHeader& header, const uint8_t* record);

 private:
  struct OfScope {
    bool is_known = false;
    admit::LaneTable table{};
    // By severity: the lanes that ask for attributes, and are asked before the table's.
    std::vector<std::vector<uint8_t>> by_attribute;  // empty: there are none at all
  };

  std::vector<admit::LaneRule> rules_;
  std::vector<OfScope> scopes_;
};

}  // namespace forebay::pipeline
