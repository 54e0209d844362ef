// What arrived, record by record, in the order of the requests.
#pragma once
#include <string>
#include <vector>

#include "encode/wire_reader.h"
#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {

struct ArrivedRecord : wire::LogRecord {
  std::string scope;
};

inline std::vector<ArrivedRecord> records_of(const EncodedBatch& batch) {
  std::vector<ArrivedRecord> all;
  for (const wire::Field& resource : wire::fields_of(std::string(as_text(batch.body->view())))) {
    for (const wire::Field& scope : wire::fields_of(resource.bytes)) {
      if (scope.number != 2) continue;
      std::string name;
      for (const wire::Field& field : wire::fields_of(scope.bytes)) {
        if (field.number == 1) {
          for (const wire::Field& of_scope : wire::fields_of(field.bytes)) {
            if (of_scope.number == 1) name = of_scope.bytes;
          }
        }
        if (field.number == 2) all.push_back({wire::log_record(field.bytes), name});
      }
    }
  }
  return all;
}

inline std::vector<ArrivedRecord> arrived_at(Destination& destination) {
  std::vector<ArrivedRecord> all;
  for (const EncodedBatch& batch : destination.taken_batches()) {
    for (ArrivedRecord& record : records_of(batch)) all.push_back(std::move(record));
  }
  return all;
}

}  // namespace forebay::pipeline
