#include "forebay_caller.h"

#include <cstring>

#include "subject.h"
#include "tick_timer.h"

#define FOREBAY_BENCH_TEXT_(x) #x
#define FOREBAY_BENCH_TEXT(x) FOREBAY_BENCH_TEXT_(x)

namespace forebay::bench {
namespace {

constexpr uint32_t kInfo = 9;

forebay_string text(const char* data) { return {data, std::strlen(data)}; }

inline int32_t emit_one(const Caller& caller, uint64_t number) {
  if (__atomic_load_n(caller.logger->level, __ATOMIC_RELAXED) > kInfo) return FOREBAY_DISABLED;
  forebay_value values[3];
  values[0].type = FOREBAY_STRING;
  values[0].size = sizeof(kRoute) - 1;
  values[0].as.data = kRoute;
  values[1].type = FOREBAY_INT64;
  values[1].size = 0;
  values[1].as.i64 = static_cast<int64_t>(number);
  values[2].type = FOREBAY_DOUBLE;
  values[2].size = 0;
  values[2].as.f64 = static_cast<double>(number) * 0.25;
  return caller.api->emit(caller.logger, caller.site, values, 3, nullptr, FOREBAY_EMIT_FLAT);
}

}  // namespace

Caller Caller::create(forebay_collector* collector, uint32_t min_severity) {
  Caller caller;
  caller.api = forebay_get_api(FOREBAY_ABI_VERSION);
  if (caller.api == nullptr) return caller;

  forebay_logger_spec logger{};
  logger.struct_size = sizeof(logger);
  logger.min_severity = min_severity;
  logger.name = text("bench");
  caller.logger = caller.api->logger(collector, &logger);

  const forebay_string keys[] = {text("route"), text("status"), text("elapsed_ms")};
  forebay_site_spec site{};
  site.struct_size = sizeof(site);
  site.severity = kInfo;
  site.body = text("request finished");
  site.keys = keys;
  site.key_count = 3;
  site.file = text(__FILE__);
  site.line = __LINE__;
  caller.site = caller.api->site(&site);
  return caller;
}

size_t Caller::emit(size_t count) const {
  size_t accepted = 0;
  for (size_t i = 0; i < count; ++i) {
    accepted += emit_one(*this, i) == FOREBAY_ACCEPTED ? 1 : 0;
  }
  return accepted;
}

void Caller::emit_timed(std::span<uint64_t> ticks_taken) const {
  uint64_t number = 0;
  for (uint64_t& taken : ticks_taken) {
    const uint64_t begin = ticks();
    static_cast<void>(emit_one(*this, number++));
    taken = ticks() - begin;
  }
}

const char* caller_compiler() {
#if defined(__clang__)
  return "clang " FOREBAY_BENCH_TEXT(__clang_major__) "." FOREBAY_BENCH_TEXT(__clang_minor__);
#else
  return "gcc " FOREBAY_BENCH_TEXT(__GNUC__) "." FOREBAY_BENCH_TEXT(__GNUC_MINOR__);
#endif
}

}  // namespace forebay::bench
