// The log records inside OTLP requests.
#pragma once
#include <string>
#include <vector>

#include "encode/wire_reader.h"

namespace forebay {

// The log records of all requests.
inline std::vector<wire::LogRecord> records_in(const std::vector<std::string>& requests) {
  std::vector<wire::LogRecord> records;
  for (const std::string& request : requests) {
    for (const wire::Field& resource : wire::fields_of(request)) {
      for (const wire::Field& scope : wire::fields_of(resource.bytes)) {
        if (scope.number != 2) continue;
        for (const wire::Field& record : wire::fields_of(scope.bytes)) {
          if (record.number == 2) records.push_back(wire::log_record(record.bytes));
        }
      }
    }
  }
  return records;
}

}  // namespace forebay
