#include "model/bound_attributes.h"

#include "model/record_writer.h"

namespace forebay::model {

BoundAttributes::BoundAttributes(const forebay_attribute* from, uint32_t count)
    : forebay_bound{}, cells_(from, from + count) {
  uint64_t size = 0;
  for (const forebay_attribute& cell : cells_) size += attribute_bytes(cell);
  encoded_.resize(size);
  uint8_t* to = encoded_.data();
  for (forebay_attribute& cell : cells_) {
    RecordWriter writer(to);
    writer.attribute(cell);
    cell.key = reinterpret_cast<const char*>(to) + 4;
    to = writer.end();
    if (has_bytes(cell.value)) {
      cell.value.as.data = reinterpret_cast<const char*>(to) - cell.value.size;
    }
  }
  encoded_.resize(static_cast<size_t>(to - encoded_.data()));  // of an unknown type it is less
  attributes = cells_.data();
  attribute_count = count;
  just_these_.struct_size = sizeof just_these_;
  just_these_.attributes = attributes;
  just_these_.attribute_count = count;
  just_these_.bound = this;
  extra = &just_these_;
}

}  // namespace forebay::model
