#include "ship/log_records.h"

#include "ship/wire_reader.h"

namespace forebay::ship {
namespace {

bool read_record(ByteView bytes, LogRecordView& record) {
  uint64_t observed = 0;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    switch (field.number) {
      case 1:
        record.time_unix_nano = field.value;
        break;
      case 2:
        record.severity_number = static_cast<uint32_t>(field.value);
        break;
      case 3:
        record.severity_text = as_text(field.bytes);
        break;
      case 5:
        record.body = field.bytes;
        break;
      case 6:
        record.attributes.push_back(field.bytes);
        break;
      case 9:
        record.trace_id = field.bytes;
        break;
      case 10:
        record.span_id = field.bytes;
        break;
      case 11:
        observed = field.value;
        break;
      case 12:
        record.event_name = as_text(field.bytes);
        break;
      default:
        break;
    }
  }
  if (record.time_unix_nano == 0) record.time_unix_nano = observed;
  return !reader.corrupt();
}

bool read_scope(ByteView scope_logs, LogRecordView& record,
                const std::function<void(const LogRecordView&)>& visit) {
  WireReader names(scope_logs);
  WireField field;
  std::string_view scope_name;
  // The scope may stand behind its records.
  while (names.next(field)) {
    if (field.number != 1) continue;
    WireReader scope(field.bytes);
    WireField inner;
    while (scope.next(inner)) {
      if (inner.number == 1) scope_name = as_text(inner.bytes);
    }
    if (scope.corrupt()) return false;
  }
  WireReader records(scope_logs);
  while (records.next(field)) {
    if (field.number != 2) continue;
    // The vector of attributes keeps its memory.
    std::vector<ByteView> attributes = std::move(record.attributes);
    attributes.clear();
    record = LogRecordView{};
    record.attributes = std::move(attributes);
    record.scope_name = scope_name;
    if (!read_record(field.bytes, record)) return false;
    visit(record);
  }
  return !names.corrupt() && !records.corrupt();
}

}  // namespace

Status for_each_log_record(ByteView request,
                           const std::function<void(const LogRecordView&)>& visit) {
  Status corrupt = Status::corrupt("not an ExportLogsServiceRequest");
  LogRecordView record;
  WireReader resources(request);
  WireField resource_logs;
  while (resources.next(resource_logs)) {
    if (resource_logs.number != 1) continue;
    WireReader scopes(resource_logs.bytes);
    WireField scope_logs;
    while (scopes.next(scope_logs)) {
      if (scope_logs.number == 2 && !read_scope(scope_logs.bytes, record, visit)) return corrupt;
    }
    if (scopes.corrupt()) return corrupt;
  }
  return resources.corrupt() ? corrupt : Status::ok();
}

}  // namespace forebay::ship
