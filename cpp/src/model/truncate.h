// Cuts a record that is larger than a record may be.
#pragma once
#include <cstdint>
#include <vector>

#include "model/record.h"

namespace forebay::model {

// A cut copy of a RecordInput: the longest texts are shortened, on a character's boundary, until
// the record fits; nested values and bytes, which cannot be shortened, go as a whole; then
// attributes from the back. What was let go as a whole is counted in dropped_attributes_count. The
// record is marked kTruncated. Refers to the texts of the original, which must outlive it.
class TruncatedRecord {
 public:
  // `max_bytes` at least 256. Throws std::bad_alloc.
  TruncatedRecord(const RecordInput& input, uint64_t max_bytes);
  [[nodiscard]] const RecordInput& input() const noexcept { return input_; }

 private:
  void shorten(uint64_t max_bytes);

  RecordInput input_;
  std::vector<forebay_value> values_;
  std::vector<forebay_attribute> attributes_;
  forebay_extra extra_{};
};

}  // namespace forebay::model
