#include "options_admission.h"

namespace forebay::engine {
namespace {

using admit::SamplingRule;

// Conditions "<at>attribute:KEY". Whole numbers and bools may be given as such.
std::vector<admit::AttributeRule> read_attributes(OptionReader& reader, const std::string& at) {
  std::vector<admit::AttributeRule> rules;
  for (auto& [key, value] : reader.map(at + "attribute")) {
    const std::string path = at + "attribute:" + key;
    switch (value.type) {
      case FOREBAY_STRING:
        rules.emplace_back(key, value.bytes);
        break;
      case FOREBAY_INT64:
        rules.emplace_back(key, std::to_string(value.i64));
        break;
      case FOREBAY_BOOL:
        rules.emplace_back(key, value.i64 != 0 ? "true" : "false");
        break;
      default:
        reader.fail(path, "is not a string");
        continue;
    }
    if (key.empty()) reader.fail(path, "a key is empty");
  }
  return rules;
}

SamplingRule read_rule(OptionReader& reader, const std::string& at) {
  SamplingRule rule;
  const std::string type = reader.one_of(at + "type", "", {"ratio", "trace_ratio", "burst"});
  rule.kind = type == "burst"         ? SamplingRule::Kind::kBurst
              : type == "trace_ratio" ? SamplingRule::Kind::kTraceRatio
                                      : SamplingRule::Kind::kRatio;
  if (rule.kind == SamplingRule::Kind::kBurst) {
    rule.first = reader.whole(at + "first", rule.first, 0, uint64_t{1} << 31);
    rule.then_every = reader.whole(at + "then_every", rule.then_every, 0, uint64_t{1} << 31);
    rule.interval = reader.seconds(at + "interval", rule.interval, 0.001, 86'400);
  } else {
    if (!reader.has(at + "ratio")) reader.fail(at + "ratio", "is missing");
    rule.ratio = reader.number(at + "ratio", rule.ratio, 0.0, 1.0);
  }
  rule.min_severity = static_cast<uint32_t>(reader.whole(at + "min_level", 0, 0, 24));
  rule.max_severity = static_cast<uint32_t>(reader.whole(at + "max_level", 24, 1, 24));
  rule.logger = admit::LoggerPattern(reader.text(at + "logger", ""));
  rule.attributes = read_attributes(reader, at);
  reader.fail(at, rule.validate());
  return rule;
}

}  // namespace

void read_lane_admission(OptionReader& reader, const std::string& at, pipeline::LaneOptions& lane) {
  lane.rule.attributes = read_attributes(reader, at);
  // Metrics have lanes of their own once there are metrics.
  (void)reader.one_of(at + "signal", "logs", {"logs"});
  const std::string limit = at + "rate_limit.";
  if (!reader.has(limit + "per_second")) {
    for (const char* other : {"burst", "by"}) {
      if (reader.has(limit + other)) reader.fail(limit + "per_second", "is missing");
    }
    return;
  }
  admit::RateLimitOptions options;
  options.records_per_second = reader.number(limit + "per_second", 0.0, 0.0, 1e9);
  options.burst_records =
      static_cast<int64_t>(reader.whole(limit + "burst", 0, 1, uint64_t{1} << 31));
  const std::string by = reader.one_of(limit + "by", "lane", {"lane", "logger", "site"});
  options.by = by == "logger" ? admit::LimitedBy::kLogger
               : by == "site" ? admit::LimitedBy::kSite
                              : admit::LimitedBy::kLane;
  reader.fail(limit, options.validate());
  lane.rate_limit = options;
}

void read_admission(OptionReader& reader, CollectorOptions& options) {
  for (size_t i = 0; reader.has("sampling[" + std::to_string(i) + "].type"); ++i) {
    options.sampling.push_back(read_rule(reader, "sampling[" + std::to_string(i) + "]."));
  }
  options.summary_interval =
      reader.seconds("limits.summary_interval", options.summary_interval, 0.01, 3'600);
}

}  // namespace forebay::engine
