#include "forebay_subject.h"

#include <chrono>
#include <thread>

namespace forebay::bench {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

forebay_option option(const std::string& path) {
  forebay_option out{};
  out.key = path.data();
  out.key_size = static_cast<uint32_t>(path.size());
  return out;
}

void append_text(void* context, const char* data, size_t size) {
  static_cast<std::string*>(context)->append(data, size);
}

struct Search {
  std::string_view wanted;
  bool prefix;
  int64_t sum = 0;
};

void add_match(void* context, const char* name, size_t name_size, int64_t value) {
  auto* search = static_cast<Search*>(context);
  const std::string_view found{name, name_size};
  if (search->prefix ? found.starts_with(search->wanted) : found == search->wanted) {
    search->sum += value;
  }
}

CollectorOptions one_lane(int64_t queue_records, std::string_view on_full) {
  CollectorOptions options;
  options.texts = {{"service_name", "bench"},
                   {"lanes[0].name", "only"},
                   {"lanes[0].on_full[0]", std::string(on_full)}};
  options.numbers = {{"lanes[0].queue_records", queue_records}, {"batch.max_records", 8192}};
  return options;
}

}  // namespace

std::unique_ptr<ForebaySubject> ForebaySubject::create(const CollectorOptions& options,
                                                       std::string& error, uint32_t min_severity) {
  const forebay_api* api = forebay_get_api(FOREBAY_ABI_VERSION);
  if (api == nullptr) {
    error = "the library does not speak this ABI version";
    return nullptr;
  }
  std::vector<forebay_option> given;
  for (const auto& [path, text] : options.texts) {
    forebay_option& one = given.emplace_back(option(path));
    one.value.type = FOREBAY_STRING;
    one.value.size = static_cast<uint32_t>(text.size());
    one.value.as.data = text.data();
  }
  for (const auto& [path, number] : options.numbers) {
    forebay_option& one = given.emplace_back(option(path));
    one.value.type = FOREBAY_INT64;
    one.value.as.i64 = number;
  }
  for (const auto& [path, fraction] : options.fractions) {
    forebay_option& one = given.emplace_back(option(path));
    one.value.type = FOREBAY_DOUBLE;
    one.value.as.f64 = fraction;
  }
  forebay_collector* collector = nullptr;
  if (api->collector_create(given.data(), given.size(), &collector, append_text, &error) !=
      FOREBAY_OK) {
    return nullptr;
  }
  return std::unique_ptr<ForebaySubject>(
      new ForebaySubject(Caller::create(collector, min_severity), collector));
}

ForebaySubject::~ForebaySubject() {
  caller_.api->collector_shutdown(collector_, 0, nullptr, nullptr);
  caller_.api->collector_release(collector_);
}

bool ForebaySubject::settle() {
  for (int tries = 0; tries < 100'000; ++tries) {
    if (number("in_queue") == 0) return true;
    std::this_thread::sleep_for(std::chrono::microseconds{100});
  }
  return false;
}

uint64_t ForebaySubject::lost() const {
  return static_cast<uint64_t>(sum_of("dropped.") + sum_of("refused."));
}

int64_t ForebaySubject::number(std::string_view name) const {
  Search search{name, false};
  caller_.api->collector_stats(collector_, add_match, &search);
  return search.sum;
}

int64_t ForebaySubject::sum_of(std::string_view prefix) const {
  Search search{prefix, true};
  caller_.api->collector_stats(collector_, add_match, &search);
  return search.sum;
}

bool ForebaySubject::flush() {
  return caller_.api->collector_flush(collector_, 60 * kNanosecondsPerSecond, nullptr, nullptr) ==
         FOREBAY_OK;
}

CollectorOptions to_nowhere(int64_t queue_records, std::string_view on_full) {
  CollectorOptions options = one_lane(queue_records, on_full);
  options.texts.emplace_back("exporter.type", "null");
  options.texts.emplace_back("exporter.compression", "zstd");
  options.numbers.emplace_back("exporter.compression_level", 1);
  return options;
}

CollectorOptions to_silence(const std::string& url, int64_t queue_records,
                            std::string_view on_full) {
  CollectorOptions options = one_lane(queue_records, on_full);
  options.texts.emplace_back("exporter.type", "otlp_http");
  options.texts.emplace_back("exporter.endpoint", url);
  options.texts.emplace_back("lanes[0].on_backlog_full", "hold");
  options.numbers.emplace_back("backlog.max_bytes", 1 << 20);
  return options;
}

}  // namespace forebay::bench
