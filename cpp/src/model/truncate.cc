#include "model/truncate.h"

#include "model/record_writer.h"

#include <algorithm>

namespace forebay::model {
namespace {

constexpr uint32_t kShortest = 32;              // texts up to this are never cut
constexpr uint32_t kMaxOwnAttributes = 65'535;  // what the record's header can count

// Back to where a character begins: a UTF-8 continuation byte is 10xxxxxx.
uint32_t character_boundary(const char* data, uint32_t size) noexcept {
  uint32_t cut = size;
  while (cut > 0 && size - cut < 4 && (static_cast<uint8_t>(data[cut]) & 0xc0) == 0x80) --cut;
  return cut;
}

// The length of a text that may have `most` bytes.
uint32_t cut_to(const char* data, size_t size, uint64_t most) noexcept {
  if (size <= most) return static_cast<uint32_t>(size);
  return character_boundary(data, static_cast<uint32_t>(most));
}

}  // namespace

TruncatedRecord::TruncatedRecord(const RecordInput& input, uint64_t max_bytes)
    : input_(input), values_(input.values, input.values + input.value_count) {
  extra_.struct_size = sizeof extra_;
  if (input.extra != nullptr) {
    extra_ = *input.extra;
    const uint32_t kept = std::min(extra_.attribute_count, kMaxOwnAttributes);
    extra_.dropped_attributes_count += extra_.attribute_count - kept;
    extra_.attribute_count = kept;
    attributes_.assign(extra_.attributes, extra_.attributes + kept);
  }
  // Names are cut first and not again: of a small record they may take an eighth each.
  const auto cut_name = [&](forebay_string& name, uint64_t most) {
    name.size = cut_to(name.data, name.size, std::min(most, max_bytes / 8));
  };
  cut_name(extra_.severity_text, 64);
  cut_name(extra_.event_name, 256);
  for (forebay_attribute& attribute : attributes_) {
    attribute.key_size = cut_to(attribute.key, attribute.key_size, 1024);
  }
  input_.values = values_.data();
  input_.extra = &extra_;
  input_.only_bound = nullptr;
  input_.flags |= kTruncated;
  extra_.attributes = attributes_.data();
  shorten(max_bytes);
}

void TruncatedRecord::shorten(uint64_t max_bytes) {
  std::vector<forebay_value*> texts;
  const auto consider = [&](forebay_value& value) {
    if (value.type == FOREBAY_STRING && value.size > kShortest) texts.push_back(&value);
  };
  for (forebay_value& value : values_) consider(value);
  for (forebay_attribute& attribute : attributes_) consider(attribute.value);
  consider(extra_.body);

  uint64_t size = measure_record(input_);
  // What can be shortened first, the longest first.
  std::sort(texts.begin(), texts.end(),
            [](const forebay_value* a, const forebay_value* b) { return a->size > b->size; });
  for (forebay_value* text : texts) {
    if (size <= max_bytes) return;
    const uint64_t excess = size - max_bytes;
    const uint32_t wanted =
        text->size - kShortest > excess ? static_cast<uint32_t>(text->size - excess) : kShortest;
    const uint32_t cut = character_boundary(text->as.data, wanted);
    size -= text->size - cut;
    text->size = cut;
  }
  // Then what cannot be: nested values and bytes, wherever they are.
  const auto drop_nested = [&](forebay_value& value) {
    if (size <= max_bytes || value.type <= FOREBAY_STRING || value.size <= kShortest) return;
    size -= value_bytes(value) - kValueOverhead[FOREBAY_NULL];
    value = forebay_value{};
    ++extra_.dropped_attributes_count;
  };
  for (forebay_attribute& attribute : attributes_) drop_nested(attribute.value);
  for (forebay_value& value : values_) drop_nested(value);
  drop_nested(extra_.body);
  // Then whole attributes, from the back.
  while (size > max_bytes && extra_.attribute_count != 0) {
    --extra_.attribute_count;
    ++extra_.dropped_attributes_count;
    size = measure_record(input_);
  }
  while (size > max_bytes && input_.value_count != 0) {
    --input_.value_count;
    ++extra_.dropped_attributes_count;
    size = measure_record(input_);
  }
}

}  // namespace forebay::model
