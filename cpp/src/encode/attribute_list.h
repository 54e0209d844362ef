// Attributes from several sources, made unique by key: the one added last wins.
#pragma once
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "encode/field_writer.h"
#include "model/record.h"
#include "model/value.h"

namespace forebay::encode {

// Keeps its memory when cleared. What is added must live until it is written.
class AttributeList {
 public:
  void clear() noexcept {
    entries_.clear();
    repaired_keys_.clear();
  }
  // A key that is not UTF-8 is repaired first: two keys may become one by that.
  void add(std::string_view key, const model::ValueView& value);
  void add(const model::OwnedAttribute& attribute);
  // Leaves the last of each key.
  void make_unique();

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  // The room that write() needs.
  [[nodiscard]] size_t bound_bytes() const noexcept;
  // Writes each as a KeyValue with that tag.
  uint8_t* write(Room& room, uint8_t* p, uint8_t attribute_tag) const;

 private:
  struct Entry {
    std::string_view key;
    model::ValueView value;
    bool shadowed = false;
  };
  std::vector<Entry> entries_;
  std::vector<uint32_t> order_;
  std::deque<ByteBuffer> repaired_keys_;  // deque: views of them stay good
};

}  // namespace forebay::encode
