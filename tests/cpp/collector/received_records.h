// The log records that a memory exporter got, decoded.
#pragma once
#include <string>
#include <vector>

#include "encode/wire_reader.h"

namespace forebay {

struct ReceivedRecord {
  std::string scope;
  wire::LogRecord record;

  [[nodiscard]] std::string attribute(const std::string& key) const {
    const auto found = record.attributes.find(key);
    return found == record.attributes.end() ? "" : found->second;
  }
  // How many emitted records it stands for, as a receiver has it.
  [[nodiscard]] int64_t adjusted_count() const {
    const std::string count = attribute("forebay.adjusted_count");
    if (!count.empty()) return std::stoll(count.substr(4));
    return attribute("forebay.internal").empty() ? 1 : 0;
  }
};

inline std::vector<ReceivedRecord> received(const std::vector<std::string>& requests) {
  std::vector<ReceivedRecord> records;
  for (const std::string& request : requests) {
    for (const wire::Field& resource_logs : wire::fields_of(request)) {
      for (const wire::Field& scope_logs : wire::fields_of(resource_logs.bytes)) {
        if (scope_logs.number != 2) continue;
        std::string scope;
        for (const wire::Field& field : wire::fields_of(scope_logs.bytes)) {
          if (field.number == 1) {
            for (const wire::Field& part : wire::fields_of(field.bytes)) {
              if (part.number == 1) scope = part.bytes;
            }
          }
          if (field.number == 2) records.push_back({scope, wire::log_record(field.bytes)});
        }
      }
    }
  }
  return records;
}

inline int64_t sum_of_adjusted_counts(const std::vector<ReceivedRecord>& records) {
  int64_t sum = 0;
  for (const ReceivedRecord& record : records) sum += record.adjusted_count();
  return sum;
}

}  // namespace forebay
