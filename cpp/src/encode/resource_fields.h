// What is around the records and the points of every OTLP request: who reports, and by which scope.
#pragma once
#include "base/bytes.h"
#include "encode/attribute_list.h"
#include "model/value.h"

namespace forebay::encode {

// Append the content of a Resource message, and of an InstrumentationScope: without tag and length.
// `list` is room to work in. They throw only std::bad_alloc, and then leave `out` as it was.
void append_resource_fields(const model::Resource& resource, AttributeList& list, ByteBuffer& out);
void append_scope_fields(const model::Scope& scope, AttributeList& list, ByteBuffer& out);

}  // namespace forebay::encode
