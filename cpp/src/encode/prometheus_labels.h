// Attributes as the labels of Prometheus' text formats.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "model/record.h"
#include "model/value.h"

namespace forebay::encode {

// Escapes backslash, line feed and, where wanted, the quote; what is not UTF-8 becomes U+FFFD.
// Whether nothing was replaced.
bool append_escaped(std::string_view text, bool escapes_quotes, ByteBuffer& to);

// Writes `a="1",b="2"`, without the braces. Keeps what it worked out for each key.
//
// Keys that become the same label are joined: their values with `;` between them, in the order of
// the keys. A label without value is left out: it is the same as none. `le` is a bucket's bound in
// a histogram, and an attribute of that name becomes `exported_le`.
class PrometheusLabels {
 public:
  // The scope whose name, version and attributes the points have as `otel_scope_*`; null: none.
  void set_scope(const model::Scope* scope);

  // Both append to a buffer that is empty. The former says whether no other set of attributes could
  // have come to the same labels, as long as is_ambiguous() is false.
  bool append(ByteView set, bool is_histogram, ByteBuffer& to);
  void append(std::span<const model::OwnedAttribute> attributes, ByteBuffer& to);

  // Whether two keys have become one label so far, or a key has had values of two types: 1 and "1"
  // are the same text.
  [[nodiscard]] bool is_ambiguous() const noexcept { return is_ambiguous_; }

 private:
  struct Name {
    std::string label;
    uint32_t type = FOREBAY_NULL;  // of the first value
    bool is_shared = false;        // another key has become this label
    bool is_reserved = false;      // a label that scopes or histograms have
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Source {
    std::string_view key;
    std::string_view label;
    model::ValueView value;
    const Name* name = nullptr;
  };

  Name& name_of(std::string_view key);
  bool append_plain(const Source& source, ByteBuffer& to);
  void append_joined(std::vector<Source>& sources, ByteBuffer& to);

  std::unordered_map<std::string, Name, TextHash, std::equal_to<>> names_;
  std::unordered_map<std::string_view, Name*> by_label_;  // the first of each label
  bool is_ambiguous_ = false;
  std::vector<Source> scope_sources_;
  std::vector<std::string> scope_keys_;  // what scope_sources_ has views of
  ByteBuffer scope_labels_;              // those written
  std::vector<Source> sources_;
  ByteBuffer value_;
};

}  // namespace forebay::encode
