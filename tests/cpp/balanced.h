// A fixture that audits every collector which a test made, at its end: nobody can forget it.
//
// Everything goes through the C ABI, as a native extension has it.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "forebay/c_api.h"
#include "record_maker.h"

namespace forebay {

// The table, and what it hands out through visitors as ordinary values.
class Api {
 public:
  using Numbers = std::map<std::string, int64_t, std::less<>>;
  using Value = std::variant<int64_t, double, bool, std::string>;
  using Options = std::vector<std::pair<std::string, Value>>;

  Api() : table(forebay_get_api(FOREBAY_ABI_VERSION)) {}

  // Refers to its arguments.
  static forebay_option option(const std::string& path, const Value& value) {
    forebay_value cell{};
    if (const auto* whole = std::get_if<int64_t>(&value)) cell = int_value(*whole);
    if (const auto* real = std::get_if<double>(&value)) cell = double_value(*real);
    if (const auto* flag = std::get_if<bool>(&value)) cell = bool_value(*flag);
    if (const auto* words = std::get_if<std::string>(&value)) cell = text_value(*words);
    return {path.data(), static_cast<uint32_t>(path.size()), 0, cell};
  }
  // Null with the text in `error`, where the options are refused.
  forebay_collector* create(const Options& options, std::string* error = nullptr,
                            int32_t* status = nullptr) const {
    std::vector<forebay_option> given;
    for (const auto& [path, value] : options) given.push_back(option(path, value));
    forebay_collector* made = nullptr;
    std::string message;
    const int32_t result =
        table->collector_create(given.data(), given.size(), &made, add_text, &message);
    if (error != nullptr) *error = message;
    if (status != nullptr) *status = result;
    return result == FOREBAY_OK ? made : nullptr;
  }
  forebay_logger* logger(forebay_collector* collector, std::string_view name,
                         uint32_t min_severity = 0) const {
    forebay_logger_spec spec{};
    spec.struct_size = sizeof spec;
    spec.min_severity = min_severity;
    spec.name = text(name);
    return table->logger(collector, &spec);
  }
  const forebay_site* site(std::string_view body, uint32_t severity = 9,
                           const std::vector<std::string_view>& keys = {}) const {
    std::vector<forebay_string> names;
    for (const std::string_view key : keys) names.push_back(text(key));
    forebay_site_spec spec{};
    spec.struct_size = sizeof spec;
    spec.severity = severity;
    spec.body = text(body);
    spec.keys = names.data();
    spec.key_count = static_cast<uint32_t>(names.size());
    return table->site(&spec);
  }
  int32_t emit(forebay_logger* logger, const forebay_site* site,
               const std::vector<forebay_value>& values = {}, const forebay_extra* extra = nullptr,
               uint32_t flags = 0) const {
    return table->emit(logger, site, values.data(), static_cast<uint32_t>(values.size()), extra,
                       flags);
  }
  Numbers stats(forebay_collector* collector) const {
    Numbers numbers;
    table->collector_stats(collector, add_number, &numbers);
    return numbers;
  }
  int64_t stat(forebay_collector* collector, std::string_view name) const {
    const Numbers numbers = stats(collector);
    const auto found = numbers.find(name);
    return found == numbers.end() ? -1 : found->second;
  }
  Numbers audit(forebay_collector* collector) const {
    Numbers numbers;
    table->collector_audit(collector, add_number, &numbers);
    return numbers;
  }
  bool flush(forebay_collector* collector, double seconds, Numbers* receipt = nullptr) const {
    return table->collector_flush(collector, static_cast<int64_t>(seconds * 1e9), add_number,
                                  receipt) == FOREBAY_OK;
  }
  bool shutdown(forebay_collector* collector, double seconds, Numbers* receipt = nullptr) const {
    return table->collector_shutdown(collector, static_cast<int64_t>(seconds * 1e9), add_number,
                                     receipt) == FOREBAY_OK;
  }
  std::string text_of(forebay_collector* collector, std::string_view name) const {
    std::string found;
    table->collector_text(collector, text(name), add_text, &found);
    return found;
  }
  // The requests in the memory exporter.
  std::vector<std::string> take(forebay_collector* collector) const {
    std::vector<std::string> requests;
    table->collector_take_memory(
        collector,
        [](void* context, const char* data, size_t size) {
          static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
        },
        &requests);
    return requests;
  }

  // The same of metrics.
  std::vector<std::string> take_metrics(forebay_collector* collector) const {
    std::vector<std::string> requests;
    table->collector_take_metrics(
        collector,
        [](void* context, const char* data, size_t size) {
          static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
        },
        &requests);
    return requests;
  }
  // Null with the text in `error`, where the instrument is refused.
  forebay_instrument* instrument(forebay_collector* collector, std::string_view name,
                                 uint32_t kind = FOREBAY_COUNTER,
                                 std::string* error = nullptr) const {
    forebay_instrument_spec spec{};
    spec.struct_size = sizeof spec;
    spec.kind = kind;
    spec.name = text(name);
    spec.meter = text("tests");
    forebay_instrument* made = nullptr;
    std::string message;
    table->instrument(collector, &spec, &made, add_text, &message);
    if (error != nullptr) *error = message;
    return made;
  }
  // "prometheus" or "openmetrics".
  std::string metrics_text(forebay_collector* collector,
                           std::string_view format = "prometheus") const {
    std::string found;
    table->collector_metrics_text(collector, text(format), add_text, &found);
    return found;
  }

  const forebay_api* table;

 private:
  static void add_number(void* context, const char* name, size_t size, int64_t value) {
    if (context == nullptr) return;
    (*static_cast<Numbers*>(context))[std::string(name, size)] = value;
  }
  static void add_text(void* context, const char* data, size_t size) {
    static_cast<std::string*>(context)->append(data, size);
  }
};

// What `numbers` of a collector are off the first law by.
// `signal`: "" of log records, "metrics." of points.
inline int64_t law_difference(const Api::Numbers& numbers, const std::string& signal = "") {
  int64_t difference = 0;
  for (const char* in : {"emitted", "internal", "recovered"}) difference += numbers.at(signal + in);
  for (const char* out : {"delivered", "sampled_out", "rate_limited", "refused", "dropped",
                          "expired", "rejected", "unknown", "handed_over", "superseded", "held"}) {
    difference -= numbers.at(signal + out);
  }
  return difference;
}

// Shuts a collector down, and says what is wrong with its ledger then; empty: nothing.
inline std::string fault_at_the_end(const Api& api, forebay_collector* collector) {
  (void)api.shutdown(collector, 0);
  const Api::Numbers audit = api.audit(collector);
  const Api::Numbers stats = api.stats(collector);
  if (audit.at("exact") != 1) return "the audit is not exact";
  if (audit.at("balanced") != 1 || audit.at("difference") != 0) {
    return "the audit is off by " + std::to_string(audit.at("difference"));
  }
  for (const std::string signal : {"", "metrics."}) {
    if (const int64_t off = law_difference(stats, signal); off != 0) {
      return signal + "the law is off by " + std::to_string(off);
    }
    const int64_t held = stats.at(signal + "held");
    if (held != 0) return signal + std::to_string(held) + " are held after the end";
  }
  return "";
}

class BalancedTest : public ::testing::Test {
 protected:
  // A collector with what `options` say; a memory exporter and a ledger in memory otherwise.
  forebay_collector* create(Api::Options options = {}) {
    const auto set_default = [&](const char* path, Api::Value value) {
      for (const auto& [given, unused] : options) {
        if (given == path) return;
      }
      options.emplace_back(path, std::move(value));
    };
    set_default("exporter.type", std::string("memory"));
    set_default("ledger_in_memory", true);
    std::string error;
    forebay_collector* collector = api.create(options, &error);
    EXPECT_NE(collector, nullptr) << error;
    if (collector != nullptr) made_.push_back(collector);
    return collector;
  }
  void TearDown() override {
    api.table->collector_set_default(nullptr);
    for (forebay_collector* collector : made_) {
      EXPECT_EQ(fault_at_the_end(api, collector), "");
      api.table->collector_release(collector);
    }
  }

  const Api api;

 private:
  std::vector<forebay_collector*> made_;
};

}  // namespace forebay
