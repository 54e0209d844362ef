#include "encode/metric_point_writer.h"

#include <bit>
#include <span>

#include "encode/utf8.h"
#include "model/attribute_set.h"

namespace forebay::encode {
namespace {

// Field numbers are those of opentelemetry/proto/metrics/v1. These are the same in all points.
constexpr uint8_t kDataPoints = tag(1, WireType::kBytes);
constexpr uint8_t kStartTime = tag(2, WireType::kFixed64);
constexpr uint8_t kPointTime = tag(3, WireType::kFixed64);
constexpr uint8_t kCount = tag(4, WireType::kFixed64);
constexpr uint8_t kSum = tag(5, WireType::kFixed64);

// What a point takes besides its attributes and its buckets: tag and length, times, numbers, and
// the few bytes that its content is moved by where the width of the length was not guessed right.
constexpr size_t kMaxPointOverhead = 160;

uint8_t* put_number(uint8_t* p, uint8_t field, uint64_t number) noexcept {
  *p++ = field;
  return put_fixed64(p, number);
}

uint8_t* put_number(uint8_t* p, uint8_t field, double number) noexcept {
  return put_number(p, field, std::bit_cast<uint64_t>(number));
}

uint8_t* put_time(uint8_t* p, uint8_t field, WallTime time) noexcept {
  const int64_t since_epoch = time.time_since_epoch().count();
  return since_epoch > 0 ? put_number(p, field, static_cast<uint64_t>(since_epoch)) : p;
}

template <typename Number>
uint8_t* put_packed(uint8_t* p, uint8_t field, std::span<const Number> numbers) noexcept {
  static_assert(sizeof(Number) == 8 && std::endian::native == std::endian::little);
  return numbers.empty()
             ? p
             : put_field(p, field,
                         {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size_bytes()});
}

constexpr uint64_t zigzag(int32_t number) noexcept {
  return (static_cast<uint32_t>(number) << 1) ^ static_cast<uint32_t>(number >> 31);
}

uint8_t* put_buckets(uint8_t* p, uint8_t field,
                     const model::ExponentialHistogramPoint::Buckets& buckets) noexcept {
  if (buckets.counts.empty()) return p;
  size_t counts = 0;
  for (const uint64_t count : buckets.counts) counts += varint_size(count);
  const uint64_t offset = zigzag(buckets.offset);
  *p++ = field;
  p = put_varint(p, (offset == 0 ? 0 : 1 + varint_size(offset)) + field_size(counts));
  if (offset != 0) {
    *p++ = tag(1, WireType::kVarint);
    p = put_varint(p, offset);
  }
  *p++ = tag(2, WireType::kBytes);
  p = put_varint(p, counts);
  for (const uint64_t count : buckets.counts) p = put_varint(p, count);
  return p;
}

}  // namespace

MetricPointWriter::Shape MetricPointWriter::shape_of(ByteView set) noexcept {
  Shape shape{.room_bytes = set.size()};
  model::visit_set(set, [&](std::string_view key, const model::ValueView&) {
    shape.room_bytes += kMaxValueOverhead;
    shape.has_valid_keys &= is_valid_utf8(key);
  });
  return shape;
}

uint8_t* MetricPointWriter::put_attributes(Room& room, uint8_t* p, uint8_t field, ByteView set,
                                           Shape shape) {
  if (shape.has_valid_keys) [[likely]] {
    model::visit_set(set, [&](std::string_view key, const model::ValueView& value) {
      p = put_value(room, p, TextKeyHead{field, key}, value);
    });
    return p;
  }
  attributes_.clear();
  model::visit_set(set, [&](std::string_view key, const model::ValueView& value) {
    attributes_.add(key, value);
  });
  attributes_.make_unique();
  p = room.enlarge(p, attributes_.bound_bytes());
  return attributes_.write(room, p, field);
}

void MetricPointWriter::commit(Room& room, uint8_t* end) noexcept {
  uint8_t* const content = content_of(room);
  const auto size = static_cast<size_t>(end - content);
  const uint32_t width = varint_size(size);
  uint8_t* p = room.start();
  if (width != length_width_) [[unlikely]] {
    std::memmove(p + 1 + width, content, size);
    length_width_ = width;
  }
  *p++ = kDataPoints;
  room.commit(put_varint(p, size) + size);
}

void MetricPointWriter::append(const model::NumberPoint& point, ByteBuffer& out) {
  const Shape shape = shape_of(point.attributes);
  Room room(out, kMaxPointOverhead + shape.room_bytes);
  uint8_t* p = content_of(room);
  p = put_time(p, kStartTime, point.start);
  p = put_time(p, kPointTime, point.time);
  if (point.is_integer) {
    p = put_number(p, tag(6, WireType::kFixed64), static_cast<uint64_t>(point.integer));
  } else {
    p = put_number(p, tag(4, WireType::kFixed64), point.real);
  }
  p = put_attributes(room, p, tag(7, WireType::kBytes), point.attributes, shape);
  commit(room, p);
}

void MetricPointWriter::append(const model::HistogramPoint& point, ByteBuffer& out) {
  const Shape shape = shape_of(point.attributes);
  Room room(out, kMaxPointOverhead + shape.room_bytes + point.bounds.size_bytes() +
                     point.bucket_counts.size_bytes());
  uint8_t* p = content_of(room);
  p = put_time(p, kStartTime, point.start);
  p = put_time(p, kPointTime, point.time);
  if (point.count != 0) p = put_number(p, kCount, point.count);
  if (point.has_sum) p = put_number(p, kSum, point.sum);
  p = put_packed(p, tag(6, WireType::kBytes), point.bucket_counts);
  p = put_packed(p, tag(7, WireType::kBytes), point.bounds);
  p = put_attributes(room, p, tag(9, WireType::kBytes), point.attributes, shape);
  if (point.count != 0 && point.has_range) {
    p = put_number(p, tag(11, WireType::kFixed64), point.min);
    p = put_number(p, tag(12, WireType::kFixed64), point.max);
  }
  commit(room, p);
}

void MetricPointWriter::append(const model::ExponentialHistogramPoint& point, ByteBuffer& out) {
  const Shape shape = shape_of(point.attributes);
  const size_t buckets = point.positive.counts.size() + point.negative.counts.size();
  Room room(out, kMaxPointOverhead + shape.room_bytes + kMaxVarintBytes * buckets);
  uint8_t* p = content_of(room);
  p = put_attributes(room, p, tag(1, WireType::kBytes), point.attributes, shape);
  p = put_time(p, kStartTime, point.start);
  p = put_time(p, kPointTime, point.time);
  if (point.count != 0) p = put_number(p, kCount, point.count);
  if (point.has_sum) p = put_number(p, kSum, point.sum);
  if (point.scale != 0) {
    *p++ = tag(6, WireType::kVarint);
    p = put_varint(p, zigzag(point.scale));
  }
  if (point.zero_count != 0) p = put_number(p, tag(7, WireType::kFixed64), point.zero_count);
  p = put_buckets(p, tag(8, WireType::kBytes), point.positive);
  p = put_buckets(p, tag(9, WireType::kBytes), point.negative);
  if (point.count != 0) {
    p = put_number(p, tag(12, WireType::kFixed64), point.min);
    p = put_number(p, tag(13, WireType::kFixed64), point.max);
  }
  commit(room, p);
}

}  // namespace forebay::encode
