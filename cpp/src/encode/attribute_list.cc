#include "encode/attribute_list.h"

#include <algorithm>

#include "encode/utf8.h"

namespace forebay::encode {
namespace {

// Up to here comparing each with each beats sorting.
constexpr size_t kFewEntries = 16;

}  // namespace

void AttributeList::add(std::string_view key, const model::ValueView& value) {
  if (!is_valid_utf8(key)) [[unlikely]] {
    ByteBuffer repaired;
    append_valid_utf8(key, repaired);
    key = as_text(repaired_keys_.emplace_back(std::move(repaired)).view());
  }
  entries_.push_back({key, value});
}

void AttributeList::add(const model::OwnedAttribute& attribute) {
  add(attribute.key, attribute.value.view());
}

void AttributeList::make_unique() {
  if (entries_.size() <= kFewEntries) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      for (size_t later = i + 1; later < entries_.size(); ++later) {
        if (entries_[i].key == entries_[later].key) {
          entries_[i].shadowed = true;
          break;
        }
      }
    }
    return;
  }
  order_.resize(entries_.size());
  for (uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
  std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) {
    const int keys = entries_[a].key.compare(entries_[b].key);
    return keys != 0 ? keys < 0 : a < b;
  });
  for (size_t i = 0; i + 1 < order_.size(); ++i) {
    Entry& entry = entries_[order_[i]];
    entry.shadowed = entry.key == entries_[order_[i + 1]].key;
  }
}

size_t AttributeList::bound_bytes() const noexcept {
  size_t bytes = 0;
  for (const Entry& entry : entries_) {
    bytes += kMaxValueOverhead + entry.key.size() + entry.value.bytes.size();
  }
  return bytes;
}

uint8_t* AttributeList::write(Room& room, uint8_t* p, uint8_t attribute_tag) const {
  for (const Entry& entry : entries_) {
    if (!entry.shadowed) p = put_value(room, p, TextKeyHead{attribute_tag, entry.key}, entry.value);
  }
  return p;
}

}  // namespace forebay::encode
