// What of a record is the same each time that its site emits, already in wire form.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "encode/attribute_list.h"
#include "model/site.h"

namespace forebay::encode {

struct SiteBytes {
  struct Key {
    uint32_t offset;  // in `bytes`: the key's field and the tag of the value
    uint32_t size;
    uint32_t text_size;
  };

  // The site it was made from; null: a record without one, which has nothing in common.
  const model::Site* site = nullptr;
  // No key occurs twice, among the code.* attributes either: nothing to make unique.
  bool plain = true;
  uint8_t severity = UINT8_MAX;
  // Bytes of the length of the last record: a good guess for the next.
  uint8_t length_width = 1;
  uint32_t severity_size = 0;  // at the start of `bytes`: number and text
  uint32_t prefix_size = 0;    // the same, and the body where it is constant
  uint32_t suffix_offset = 0;  // code.* attributes
  uint32_t suffix_size = 0;
  std::vector<Key> keys;
  ByteBuffer bytes;  // and 16 to spare: see put_blocks

  [[nodiscard]] std::string_view key_text(const Key& key) const noexcept {
    // The text is followed by the value's tag alone.
    return as_text(bytes.view()).substr(key.offset + key.size - 1 - key.text_size, key.text_size);
  }
};

// May throw std::bad_alloc.
SiteBytes make_site_bytes(const model::Site& site);

// Where a record was emitted, by the names of the semantic conventions.
void add_code_attributes(const model::Site& site, AttributeList& list);

}  // namespace forebay::encode
