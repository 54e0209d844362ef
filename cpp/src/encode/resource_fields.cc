#include "encode/resource_fields.h"

#include <vector>

#include "encode/field_writer.h"

namespace forebay::encode {
namespace {

void take_unique(const std::vector<model::OwnedAttribute>& attributes, AttributeList& list) {
  list.clear();
  for (const model::OwnedAttribute& attribute : attributes) list.add(attribute);
  list.make_unique();
}

}  // namespace

void append_resource_fields(const model::Resource& resource, AttributeList& list, ByteBuffer& out) {
  take_unique(resource.attributes, list);
  Room room(out, list.bound_bytes());
  room.commit(list.write(room, room.start(), tag(1, WireType::kBytes)));
}

void append_scope_fields(const model::Scope& scope, AttributeList& list, ByteBuffer& out) {
  take_unique(scope.attributes, list);
  Room room(out,
            2 * kMaxValueOverhead + scope.name.size() + scope.version.size() + list.bound_bytes());
  uint8_t* p = room.start();
  if (!scope.name.empty()) p = put_text(room, p, tag(1, WireType::kBytes), scope.name);
  if (!scope.version.empty()) p = put_text(room, p, tag(2, WireType::kBytes), scope.version);
  p = list.write(room, p, tag(3, WireType::kBytes));
  room.commit(p);
}

}  // namespace forebay::encode
