// An ExportMetricsServiceRequest, read back for tests: each point with all that is around it.
#pragma once
#include <bit>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "encode/wire_reader.h"

namespace forebay::wire {

struct Buckets {
  int64_t offset = 0;
  std::vector<uint64_t> counts;
  bool operator==(const Buckets&) const = default;
};

struct DataPoint {
  uint64_t start = 0;
  uint64_t time = 0;
  Attributes attributes;
  std::optional<double> real;
  std::optional<int64_t> integer;
  uint64_t count = 0;
  std::optional<double> sum, min, max;
  std::vector<uint64_t> bucket_counts;
  std::vector<double> bounds;
  int64_t scale = 0;
  uint64_t zero_count = 0;
  Buckets positive, negative;
};

struct MetricMessage {
  std::string name, description, unit;
  std::string kind;  // gauge, sum, histogram, exponential
  uint64_t temporality = 0;
  bool is_monotonic = false;
  std::vector<DataPoint> points;
};

struct ScopeMessage {
  std::string name, version;
  Attributes attributes;
  std::vector<MetricMessage> metrics;
};

struct MetricsMessage {
  Attributes resource;
  std::vector<ScopeMessage> scopes;

  [[nodiscard]] std::vector<DataPoint> points() const {
    std::vector<DataPoint> all;
    for (const ScopeMessage& scope : scopes) {
      for (const MetricMessage& metric : scope.metrics) {
        all.insert(all.end(), metric.points.begin(), metric.points.end());
      }
    }
    return all;
  }
};

[[noreturn]] inline void unknown_field(const Field& field, const std::string& of) {
  throw std::runtime_error("field " + std::to_string(field.number) + " of type " +
                           std::to_string(field.type) + " in a " + of);
}

inline std::vector<uint64_t> packed_fixed(const std::string& bytes) {
  if (bytes.size() % 8 != 0) throw std::runtime_error("a packed field of odd length");
  std::vector<uint64_t> numbers(bytes.size() / 8);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

inline std::vector<uint64_t> packed_varints(const std::string& bytes) {
  // Each made a field of its own, for Reader to read it.
  std::string fields = bytes.empty() ? "" : "\x08";
  for (size_t i = 0; i < bytes.size(); ++i) {
    fields += bytes[i];
    if (static_cast<uint8_t>(bytes[i]) < 128 && i + 1 != bytes.size()) fields += '\x08';
  }
  std::vector<uint64_t> numbers;
  for (const Field& field : fields_of(fields)) numbers.push_back(field.value);
  return numbers;
}

inline int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline Buckets buckets(const std::string& message) {
  Buckets read;
  for (const Field& field : fields_of(message)) {
    if (field.number == 1 && field.type == 0) {
      read.offset = unzigzag(field.value);
    } else if (field.number == 2 && field.type == 2) {
      read.counts = packed_varints(field.bytes);
    } else {
      unknown_field(field, "Buckets");
    }
  }
  return read;
}

inline DataPoint number_point(const std::string& message) {
  DataPoint point;
  for (const Field& field : fields_of(message)) {
    const uint32_t key = field.number * 10 + field.type;
    if (key == 21) {
      point.start = field.value;
    } else if (key == 31) {
      point.time = field.value;
    } else if (key == 41) {
      point.real = std::bit_cast<double>(field.value);
    } else if (key == 61) {
      point.integer = static_cast<int64_t>(field.value);
    } else if (key == 72) {
      add_attribute(field.bytes, point.attributes);
    } else {
      unknown_field(field, "NumberDataPoint");
    }
  }
  return point;
}

// The fields that both kinds of histograms have under the same numbers.
inline bool take_common(const Field& field, DataPoint& point) {
  if (field.type != 1) return false;
  if (field.number == 2) {
    point.start = field.value;
  } else if (field.number == 3) {
    point.time = field.value;
  } else if (field.number == 4) {
    point.count = field.value;
  } else if (field.number == 5) {
    point.sum = std::bit_cast<double>(field.value);
  } else {
    return false;
  }
  return true;
}

inline DataPoint histogram_point(const std::string& message) {
  DataPoint point;
  for (const Field& field : fields_of(message)) {
    const uint32_t key = field.number * 10 + field.type;
    if (take_common(field, point)) continue;
    if (key == 62) {
      point.bucket_counts = packed_fixed(field.bytes);
    } else if (key == 72) {
      for (const uint64_t bits : packed_fixed(field.bytes)) {
        point.bounds.push_back(std::bit_cast<double>(bits));
      }
    } else if (key == 92) {
      add_attribute(field.bytes, point.attributes);
    } else if (key == 111) {
      point.min = std::bit_cast<double>(field.value);
    } else if (key == 121) {
      point.max = std::bit_cast<double>(field.value);
    } else {
      unknown_field(field, "HistogramDataPoint");
    }
  }
  return point;
}

inline DataPoint exponential_point(const std::string& message) {
  DataPoint point;
  for (const Field& field : fields_of(message)) {
    const uint32_t key = field.number * 10 + field.type;
    if (take_common(field, point)) continue;
    if (key == 12) {
      add_attribute(field.bytes, point.attributes);
    } else if (key == 60) {
      point.scale = unzigzag(field.value);
    } else if (key == 71) {
      point.zero_count = field.value;
    } else if (key == 82) {
      point.positive = buckets(field.bytes);
    } else if (key == 92) {
      point.negative = buckets(field.bytes);
    } else if (key == 121) {
      point.min = std::bit_cast<double>(field.value);
    } else if (key == 131) {
      point.max = std::bit_cast<double>(field.value);
    } else {
      unknown_field(field, "ExponentialHistogramDataPoint");
    }
  }
  return point;
}

inline void take_data(const std::string& message, MetricMessage& metric) {
  for (const Field& field : fields_of(message)) {
    const uint32_t key = field.number * 10 + field.type;
    if (key == 12) {
      metric.points.push_back(metric.kind == "histogram"     ? histogram_point(field.bytes)
                              : metric.kind == "exponential" ? exponential_point(field.bytes)
                                                             : number_point(field.bytes));
    } else if (key == 20 && metric.kind != "gauge") {
      metric.temporality = field.value;
    } else if (key == 30 && metric.kind == "sum") {
      metric.is_monotonic = field.value != 0;
    } else {
      unknown_field(field, metric.kind);
    }
  }
}

inline MetricMessage metric(const std::string& message) {
  MetricMessage read;
  for (const Field& field : fields_of(message)) {
    if (field.type != 2) unknown_field(field, "Metric");
    if (field.number == 1) {
      read.name = field.bytes;
    } else if (field.number == 2) {
      read.description = field.bytes;
    } else if (field.number == 3) {
      read.unit = field.bytes;
    } else if (field.number == 5 || field.number == 7 || field.number == 9 || field.number == 10) {
      read.kind = field.number == 5   ? "gauge"
                  : field.number == 7 ? "sum"
                  : field.number == 9 ? "histogram"
                                      : "exponential";
      take_data(field.bytes, read);
    } else {
      unknown_field(field, "Metric");
    }
  }
  return read;
}

inline ScopeMessage scope_metrics(const std::string& message) {
  ScopeMessage read;
  for (const Field& field : fields_of(message)) {
    if (field.number == 2 && field.type == 2) {
      read.metrics.push_back(metric(field.bytes));
      continue;
    }
    if (field.number != 1 || field.type != 2) unknown_field(field, "ScopeMetrics");
    for (const Field& part : fields_of(field.bytes)) {
      if (part.number == 1) read.name = part.bytes;
      if (part.number == 2) read.version = part.bytes;
      if (part.number == 3) add_attribute(part.bytes, read.attributes);
    }
  }
  return read;
}

inline MetricsMessage metrics_request(ByteView request) {
  MetricsMessage read;
  const std::vector<Field> all = fields_of(std::string(as_text(request)));
  if (all.size() != 1 || all[0].number != 1) throw std::runtime_error("not one ResourceMetrics");
  for (const Field& field : fields_of(all[0].bytes)) {
    if (field.number == 2 && field.type == 2) {
      read.scopes.push_back(scope_metrics(field.bytes));
      continue;
    }
    if (field.number != 1 || field.type != 2) unknown_field(field, "ResourceMetrics");
    for (const Field& part : fields_of(field.bytes)) add_attribute(part.bytes, read.resource);
  }
  return read;
}

}  // namespace forebay::wire
