#include "encode/otlp_logs.h"

#include <algorithm>

#include "encode/field_writer.h"
#include "encode/resource_fields.h"
#include "model/severity.h"

namespace forebay::encode {
namespace {

// Field numbers are those of opentelemetry/proto/{logs,common,resource}/v1.
constexpr uint8_t kLogRecords = tag(2, WireType::kBytes);  // of a ScopeLogs
constexpr uint8_t kTime = tag(1, WireType::kFixed64);
constexpr uint8_t kSeverityNumber = tag(2, WireType::kVarint);
constexpr uint8_t kSeverityText = tag(3, WireType::kBytes);
constexpr uint8_t kAttributes = tag(6, WireType::kBytes);
constexpr uint8_t kDroppedAttributes = tag(7, WireType::kVarint);
constexpr uint8_t kFlags = tag(8, WireType::kFixed32);
constexpr uint8_t kTraceId = tag(9, WireType::kBytes);
constexpr uint8_t kSpanId = tag(10, WireType::kBytes);
constexpr uint8_t kObservedTime = tag(11, WireType::kFixed64);
constexpr uint8_t kEventName = tag(12, WireType::kBytes);

// What a record takes besides its site's bytes, its own and its values' overhead: tags, times,
// numbers, ids, a standard severity name, forebay.truncated, and what put_blocks may write over.
constexpr size_t kMaxRecordOverhead = 256;

constexpr std::string_view kTruncatedKey = "forebay.truncated";
constexpr std::string_view kRecordedKey = "forebay.flight_recorder";
constexpr std::string_view kAdjustedCountKey = "forebay.adjusted_count";

// Flags for which a record has attributes that neither its site nor its caller named.
constexpr uint8_t kAddsAttributes = model::kTruncated | model::kRecorded | model::kHasWeight;

// Ids that are all zero are no ids.
uint8_t* put_context(uint8_t* p, const model::RecordContext& context) noexcept {
  if (context.trace_flags != 0) {
    *p++ = kFlags;
    p = put_fixed32(p, context.trace_flags);
  }
  uint64_t words[2];
  std::memcpy(words, context.trace_id, sizeof words);
  if ((words[0] | words[1]) != 0) {
    *p++ = kTraceId;
    *p++ = sizeof context.trace_id;
    p = put_fixed64(put_fixed64(p, words[0]), words[1]);
  }
  std::memcpy(words, context.span_id, sizeof context.span_id);
  if (words[0] != 0) {
    *p++ = kSpanId;
    *p++ = sizeof context.span_id;
    p = put_fixed64(p, words[0]);
  }
  return p;
}

uint8_t* put_times(uint8_t* p, const model::RecordContext* context, WallTime observed) noexcept {
  const int64_t since_epoch = observed.time_since_epoch().count();
  const uint64_t observed_ns = since_epoch > 0 ? static_cast<uint64_t>(since_epoch) : 0;
  const bool has_own = context != nullptr && context->time_unix_nano != 0;
  *p++ = kTime;
  p = put_fixed64(p, has_own ? context->time_unix_nano : observed_ns);
  *p++ = kObservedTime;
  return put_fixed64(p, observed_ns);
}

}  // namespace

SiteBytes& LogEncoder::bytes_of(const model::Site* site) {
  if (site == nullptr) return no_site_;
  if (site->id >= sites_.size()) sites_.resize(std::max<size_t>(site->id + 1, 2 * sites_.size()));
  SiteBytes& bytes = sites_[site->id];
  if (bytes.site != site) [[unlikely]]
    bytes = make_site_bytes(*site);
  return bytes;
}

void LogEncoder::append_record(const uint8_t* record, WallTime observed, ByteBuffer& out) {
  model::RecordReader reader(record);
  const model::RecordHeader& header = reader.header();
  SiteBytes& site = bytes_of(header.site);
  Room room(out, kMaxRecordOverhead + site.bytes.size() + header.size +
                     kMaxValueOverhead * (header.value_count + header.attribute_count));

  // The length comes first and is known last: its width is guessed, and what was written is moved
  // where the guess was wrong.
  const size_t content_at = size_t{1} + site.length_width;
  uint8_t* p = put_times(room.start() + content_at, reader.context(), observed);
  p = put_severity_and_body(room, p, site, reader);
  p = put_attributes(room, p, site, reader);
  if (header.dropped_attributes_count != 0) [[unlikely]] {
    *p++ = kDroppedAttributes;
    p = put_varint(p, header.dropped_attributes_count);
  }
  if (header.flags != 0) {
    if (const auto* context = reader.context()) p = put_context(p, *context);
    if (!reader.event_name().empty()) p = put_text(room, p, kEventName, reader.event_name());
  }

  uint8_t* start = room.start();
  const size_t size = static_cast<size_t>(p - start) - content_at;
  const uint32_t width = varint_size(size);
  if (width != site.length_width) [[unlikely]] {
    std::memmove(start + 1 + width, start + content_at, size);
    site.length_width = static_cast<uint8_t>(width);
  }
  *start = kLogRecords;
  put_varint(start + 1, size);
  room.commit(start + 1 + width + size);
}

uint8_t* LogEncoder::put_severity_and_body(Room& room, uint8_t* p, const SiteBytes& site,
                                           model::RecordReader& reader) const {
  const model::RecordHeader& header = reader.header();
  const bool same_severity =
      header.severity == site.severity && (header.flags & model::kHasSeverityText) == 0;
  const bool body_in_values =
      site.site != nullptr && site.site->body_in_values && header.value_count != 0;
  if (same_severity && !body_in_values && (header.flags & model::kHasBody) == 0) [[likely]] {
    return put_blocks(p, site.bytes.data(), site.prefix_size);
  }

  if (same_severity) {
    p = put_blocks(p, site.bytes.data(), site.severity_size);
  } else {
    std::string_view text = reader.severity_text();
    // The site's text names the site's severity; a record with another has the standard name.
    if (text.empty()) text = model::severity_name(header.severity);
    if (header.severity != 0) {
      *p++ = kSeverityNumber;
      p = put_varint(p, header.severity);
    }
    if (!text.empty()) p = put_text(room, p, kSeverityText, text);
  }

  model::ValueView body;
  const bool own_body = reader.own_body(body);
  // The site's body is read in any case: the values after it are the attributes'.
  if (body_in_values) {
    const model::ValueView site_body = reader.next_value();
    if (!own_body) body = site_body;
  } else if (!own_body) {
    const uint32_t size = site.prefix_size - site.severity_size;
    return put_blocks(p, site.bytes.data() + site.severity_size, size);
  }
  if (body.type == FOREBAY_NULL) return p;
  return put_value(room, p, BodyHead{}, body);
}

uint8_t* LogEncoder::put_attributes(Room& room, uint8_t* p, const SiteBytes& site,
                                    model::RecordReader& reader) {
  const model::RecordHeader& header = reader.header();
  uint32_t values = header.value_count;
  if (values != 0 && site.site != nullptr && site.site->body_in_values) --values;
  if (!site.plain || header.attribute_count != 0 || (header.flags & kAddsAttributes) != 0) {
    return put_unique_attributes(room, p, site, values, reader);
  }
  values = std::min<uint32_t>(values, static_cast<uint32_t>(site.keys.size()));
  for (uint32_t i = 0; i < values; ++i) {
    const SiteBytes::Key& key = site.keys[i];
    p = put_value(room, p, CachedKeyHead{site.bytes.data() + key.offset, key.size},
                  reader.next_value());
  }
  return put_blocks(p, site.bytes.data() + site.suffix_offset, site.suffix_size);
}

// Where a key may come more than once. The order of adding is the order of precedence.
uint8_t* LogEncoder::put_unique_attributes(Room& room, uint8_t* p, const SiteBytes& site,
                                           uint32_t values, model::RecordReader& reader) {
  attributes_.clear();
  if (site.site != nullptr) add_code_attributes(*site.site, attributes_);
  for (uint32_t i = 0; i < values; ++i) {
    const model::ValueView value = reader.next_value();
    if (i < site.keys.size()) attributes_.add(site.key_text(site.keys[i]), value);
  }
  for (uint32_t i = 0; i < reader.header().attribute_count; ++i) {
    std::string_view key;
    const model::ValueView value = reader.next_attribute(key);
    attributes_.add(key, value);
  }
  model::ValueView yes;
  yes.type = FOREBAY_BOOL;
  yes.i64 = 1;
  if ((reader.header().flags & model::kTruncated) != 0) attributes_.add(kTruncatedKey, yes);
  if ((reader.header().flags & model::kRecorded) != 0) attributes_.add(kRecordedKey, yes);
  if ((reader.header().flags & model::kHasWeight) != 0) {
    model::ValueView weight;
    weight.type = FOREBAY_INT64;
    weight.i64 = static_cast<int64_t>(reader.weight());
    attributes_.add(kAdjustedCountKey, weight);
  }
  attributes_.make_unique();
  p = room.enlarge(p, attributes_.bound_bytes());
  return attributes_.write(room, p, kAttributes);
}

void LogEncoder::append_request(const model::Resource& resource,
                                std::span<const ScopeSegment> segments, ByteBuffer& out) {
  resource_.clear();
  append_resource_fields(resource, attributes_, resource_);

  scopes_.clear();
  scope_ends_.clear();
  size_t resource_logs = field_size(resource_.size());
  for (const ScopeSegment& segment : segments) {
    const size_t start = scopes_.size();
    if (segment.scope != nullptr) append_scope_fields(*segment.scope, attributes_, scopes_);
    scope_ends_.push_back(scopes_.size());
    resource_logs += field_size(field_size(scopes_.size() - start) + segment.records.size());
  }

  uint8_t* const begin = out.reserve(field_size(resource_logs));
  uint8_t* p = begin;
  *p++ = tag(1, WireType::kBytes);  // of the request: resource_logs
  p = put_varint(p, resource_logs);
  p = put_field(p, tag(1, WireType::kBytes), resource_.view());
  size_t start = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const ByteView scope(scopes_.data() + start, scope_ends_[i] - start);
    const ByteView records = segments[i].records;
    *p++ = tag(2, WireType::kBytes);  // of the ResourceLogs: scope_logs
    p = put_varint(p, field_size(scope.size()) + records.size());
    p = put_field(p, tag(1, WireType::kBytes), scope);
    if (!records.empty()) std::memcpy(p, records.data(), records.size());
    p += records.size();
    start = scope_ends_[i];
  }
  out.advance(static_cast<size_t>(p - begin));
}

}  // namespace forebay::encode
