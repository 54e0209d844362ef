#include <algorithm>

#include "options_parts.h"

namespace forebay::engine {

void read_delivery(OptionReader& reader, CollectorOptions& options) {
  auto& pipeline = options.pipeline;
  pipeline.batch.max_records = static_cast<uint32_t>(
      reader.whole("batch.max_records", pipeline.batch.max_records, 1, 1'000'000));
  pipeline.batch.max_bytes =
      reader.whole("batch.max_bytes", pipeline.batch.max_bytes, 1024, 16u << 20);
  pipeline.batch.max_delay = reader.seconds("batch.max_delay", pipeline.batch.max_delay, 0, 3600);
  const uint64_t default_backlog =
      std::min<uint64_t>(pipeline.backlog_max_bytes, options.memory_limit / 3 * 2);
  pipeline.backlog_max_bytes =
      reader.whole("backlog.max_bytes", default_backlog, 64u << 10, uint64_t{1} << 40);
  pipeline.backlog_order = reader.one_of("backlog.order", "oldest_first",
                                         {"oldest_first", "newest_first"}) == "oldest_first"
                               ? backlog::Order::kOldestFirst
                               : backlog::Order::kNewestFirst;
  pipeline.backlog_stale_share =
      reader.number("backlog.stale_share", pipeline.backlog_stale_share, 0.0, 1.0);
  pipeline.retry.initial = reader.seconds("retry.initial", pipeline.retry.initial, 0.001, 3600);
  pipeline.retry.max = reader.seconds("retry.max", pipeline.retry.max, 0.001, 86400);
  pipeline.retry.max_elapsed = reader.maybe_seconds("retry.max_elapsed", 0, kYear);
  if (pipeline.retry.max < pipeline.retry.initial) {
    reader.fail("retry.max", "is less than retry.initial");
  }
  ship::BreakerOptions& breaker = pipeline.breaker;
  breaker.failures =
      static_cast<uint32_t>(reader.whole("breaker.failures", breaker.failures, 1, 1000));
  breaker.open_initial = reader.seconds("breaker.open_initial", breaker.open_initial, 0.001, 3600);
  breaker.open_max = reader.seconds("breaker.open_max", breaker.open_max, 0.001, 86400);
  if (breaker.open_max < breaker.open_initial) {
    reader.fail("breaker.open_max", "is less than breaker.open_initial");
  }
}

}  // namespace forebay::engine
