#include "pipeline/internal_records.h"

#include "model/record_writer.h"
#include "model/site.h"

namespace forebay::pipeline {

uint32_t internal_scope() {
  static const uint32_t id = model::SiteRegistry::process().intern_scope("forebay", "", {}).id;
  return id;
}

void append_internal(const InternalRecord& record, WallTime now, encode::LogEncoder& encoder,
                     ByteBuffer& scratch, ByteBuffer& out) {
  std::vector<forebay_attribute> attributes;
  attributes.reserve(record.attributes.size() + 1);
  attributes.push_back(model::attribute_of(kInternalKey, model::text_cell(record.kind)));
  for (const model::OwnedAttribute& attribute : record.attributes) {
    attributes.push_back(model::attribute_of(attribute.key, attribute.value.cell()));
  }
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.attributes = attributes.data();
  extra.attribute_count = static_cast<uint32_t>(attributes.size());
  if (!record.body.empty()) extra.body = model::text_cell(record.body);
  if (record.time != WallTime{}) {
    extra.time_unix_nano = static_cast<uint64_t>(record.time.time_since_epoch().count());
  }
  model::RecordInput input;
  input.extra = &extra;
  input.scope = record.scope;
  input.severity = record.severity;
  input.flags = model::kInternal;
  const uint64_t size = model::measure_record(input);
  scratch.clear();
  model::write_record(input, 0, static_cast<uint32_t>(size), scratch.reserve(size));
  encoder.append_record(scratch.data(), now, out);
}

}  // namespace forebay::pipeline
