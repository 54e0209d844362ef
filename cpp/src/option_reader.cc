#include "option_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace forebay::engine {

using model::OwnedValue;

namespace {

std::string shown(const OwnedValue& value) {
  switch (value.type) {
    case FOREBAY_BOOL:
      return value.i64 != 0 ? "true" : "false";
    case FOREBAY_INT64:
      return std::to_string(value.i64);
    case FOREBAY_DOUBLE: {
      char text[32];
      std::snprintf(text, sizeof text, "%.9g", value.f64);
      return text;
    }
    case FOREBAY_STRING:
      return "'" + value.bytes + "'";
    default:
      return "that value";
  }
}

}  // namespace

OptionReader::OptionReader(const forebay_option* options, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const std::string path(options[i].key, options[i].key_size);
    if (!values_.emplace(path, OwnedValue::copy_of(options[i].value)).second) {
      fail(path, "is given twice");
    }
  }
}

std::string OptionReader::text(const std::string& path, std::string fallback) {
  const OwnedValue* value = take(path);
  if (value == nullptr || value->type == FOREBAY_NULL) return fallback;
  if (value->type != FOREBAY_STRING) {
    fail(path, shown(*value) + " is not a string");
    return fallback;
  }
  return value->bytes;
}

std::string OptionReader::one_of(const std::string& path, std::string fallback,
                                 std::initializer_list<const char*> choices) {
  std::string chosen = text(path, std::move(fallback));
  if (std::find(choices.begin(), choices.end(), chosen) == choices.end()) {
    std::string list;
    for (const char* choice : choices) list += (list.empty() ? "" : ", ") + std::string(choice);
    fail(path, "'" + chosen + "' is none of " + list);
  }
  return chosen;
}

bool OptionReader::flag(const std::string& path, bool fallback) {
  const OwnedValue* value = take(path);
  if (value == nullptr || value->type == FOREBAY_NULL) return fallback;
  if (value->type != FOREBAY_BOOL) fail(path, shown(*value) + " is not a bool");
  return value->i64 != 0;
}

uint64_t OptionReader::whole(const std::string& path, uint64_t fallback, uint64_t least,
                             uint64_t most) {
  const OwnedValue* value = take(path);
  if (value == nullptr || value->type == FOREBAY_NULL) return fallback;
  const bool fits = value->type == FOREBAY_INT64 && value->i64 >= 0 &&
                    static_cast<uint64_t>(value->i64) >= least &&
                    static_cast<uint64_t>(value->i64) <= most;
  if (!fits) {
    fail(path, shown(*value) + " is not a whole number in " + std::to_string(least) + ".." +
                   std::to_string(most));
    return fallback;
  }
  return static_cast<uint64_t>(value->i64);
}

int OptionReader::level(const std::string& path, int least, int most) {
  const OwnedValue* value = take(path);
  if (value == nullptr || value->type == FOREBAY_NULL) return 0;
  if (value->type != FOREBAY_INT64 || value->i64 < least || value->i64 > most) {
    fail(path, shown(*value) + " is not a whole number in " + std::to_string(least) + ".." +
                   std::to_string(most));
    return 0;
  }
  return static_cast<int>(value->i64);
}

double OptionReader::number(const std::string& path, double fallback, double least, double most) {
  const OwnedValue* value = take(path);
  if (value == nullptr || value->type == FOREBAY_NULL) return fallback;
  const double given = value->type == FOREBAY_INT64    ? static_cast<double>(value->i64)
                       : value->type == FOREBAY_DOUBLE ? value->f64
                                                       : std::nan("");
  if (!(given >= least && given <= most)) {
    char range[64];
    std::snprintf(range, sizeof range, " is not in %.9g..%.9g", least, most);
    fail(path, shown(*value) + range);
    return fallback;
  }
  return given;
}

Duration OptionReader::seconds(const std::string& path, Duration fallback, double least,
                               double most) {
  const double given = number(path, std::chrono::duration<double>(fallback).count(), least, most);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(given));
}

std::optional<Duration> OptionReader::maybe_seconds(const std::string& path, double least,
                                                    double most) {
  const auto found = values_.find(path);
  if (found == values_.end() || found->second.type == FOREBAY_NULL) {
    (void)take(path);
    return std::nullopt;
  }
  return seconds(path, Duration::zero(), least, most);
}

std::vector<std::pair<std::string, OwnedValue>> OptionReader::map(const std::string& name) {
  std::vector<std::pair<std::string, OwnedValue>> entries;
  const std::string prefix = name + ":";
  for (auto it = values_.lower_bound(prefix); it != values_.end() && it->first.starts_with(prefix);
       ++it) {
    entries.emplace_back(it->first.substr(prefix.size()), it->second);
    asked_.insert(it->first);
  }
  return entries;
}

void OptionReader::fail(const std::string& path, const std::string& what) {
  if (error_.empty()) error_ = path + ": " + what;
}

void OptionReader::fail(const std::string& prefix, const Status& status) {
  if (!status.is_ok() && error_.empty()) error_ = prefix + status.message();
}

Status OptionReader::status() {
  if (error_.empty()) {
    for (const auto& [path, value] : values_) {
      if (!asked_.contains(path)) {
        fail(path, "there is no such option");
        break;
      }
    }
  }
  return error_.empty() ? Status::ok() : Status::invalid(error_);
}

const OwnedValue* OptionReader::take(const std::string& path) {
  asked_.insert(path);
  const auto found = values_.find(path);
  return found == values_.end() ? nullptr : &found->second;
}

}  // namespace forebay::engine
