#include "metrics_text.h"

#include <chrono>
#include <mutex>
#include <thread>

#include "base/diagnostics.h"
#include "encode/prometheus_text.h"

namespace forebay::engine {

int32_t write_metrics_text(Incarnation& incarnation, bool is_open_metrics, ByteBuffer& out) {
  encode::PrometheusOptions options;
  if (is_open_metrics) options.format = encode::PrometheusFormat::kOpenMetrics;
  encode::PrometheusText sink(incarnation.resource, options);
  pipeline::Pipeline& pipeline = *incarnation.pipeline;
  metrics::Store& store = *pipeline.metrics_store();
  {
    const std::lock_guard lock(store.collecting());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{1};
    // Where the periodic collection has turned the phase and not come to its end yet, what was
    // recorded since then is only in reach after one more turn.
    for (bool is_mine = false; !is_mine;) {
      is_mine = store.begin();
      while (!store.is_ready()) {
        if (std::chrono::steady_clock::now() >= deadline) return FOREBAY_TIMED_OUT;
        std::this_thread::sleep_for(std::chrono::microseconds{50});
      }
      if (!is_mine) store.fold();
    }
    store.collect(metrics::Reader::kCumulative, pipeline.ticks().clock().wall_now(),
                  pipeline.metrics()->shown_since_ticks(), sink);
  }
  if (const pipeline::SelfMetrics* self = pipeline.metrics()->self()) {
    self->show(pipeline.ticks().clock().wall_now(), sink);
  }
  sink.finish(out);
  // OpenMetrics has no comments that would say so, and nobody reads those of the other format.
  for (const encode::PrometheusText::LeftOut& left_out : sink.left_out()) {
    warn_once("prometheus_text", left_out.name, "prometheus_text: " + left_out.sentence);
  }
  return FOREBAY_OK;
}

}  // namespace forebay::engine
