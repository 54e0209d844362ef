// Points of metrics as the fields of OTLP's data point messages, in the order of their numbers: so
// what is written is byte by byte what an official encoder writes.
#pragma once
#include <cstdint>

#include "base/bytes.h"
#include "encode/attribute_list.h"
#include "encode/field_writer.h"
#include "model/metric_points.h"

namespace forebay::encode {

// Each append() adds one `data_points` field to what becomes a Gauge, Sum, Histogram or
// ExponentialHistogram message. They throw only std::bad_alloc, and then leave `out` as it was.
//
// Texts that are not UTF-8 are repaired; keys that become equal by that are made unique, the last
// one wins. min and max of a point without measurements, times before 1970, and what is zero by
// default are left out.
class MetricPointWriter {
 public:
  void append(const model::NumberPoint& point, ByteBuffer& out);
  void append(const model::HistogramPoint& point, ByteBuffer& out);
  void append(const model::ExponentialHistogramPoint& point, ByteBuffer& out);

 private:
  // What the attributes of a point need.
  struct Shape {
    size_t room_bytes = 0;
    bool has_valid_keys = true;
  };
  static Shape shape_of(ByteView set) noexcept;
  uint8_t* put_attributes(Room& room, uint8_t* p, uint8_t field, ByteView set, Shape shape);

  [[nodiscard]] uint8_t* content_of(const Room& room) const noexcept {
    return room.start() + 1 + length_width_;
  }
  void commit(Room& room, uint8_t* end) noexcept;

  AttributeList attributes_;
  // The length comes first and is known last: its width is guessed to be that of the point before.
  uint32_t length_width_ = 1;
};

}  // namespace forebay::encode
