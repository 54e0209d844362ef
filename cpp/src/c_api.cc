// The table of the C ABI. Every function is a thin translation: no decision is made here.
#include "forebay/c_api.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/cgroup.h"
#include "base/codec.h"
#include "collector_handle.h"
#include "emit_steps.h"
#include "library_parts.h"
#include "metrics_api.h"
#include "model/bound_attributes.h"
#include "model/site.h"
#include "option_reader.h"
#include "room_api.h"
#include "ship/curl_loop.h"
#include "ship/curl_transport.h"
#include "ship/memory_exporter.h"
#include "simulator.h"

namespace forebay::engine {
namespace {

NumberVisitor visitor(forebay_number_visitor visit, void* context) {
  return [visit, context](std::string_view name, int64_t value) {
    if (visit != nullptr) visit(context, name.data(), name.size(), value);
  };
}

forebay_logger* api_logger(forebay_collector* collector, const forebay_logger_spec* spec) {
  return Registry::process().logger(unwrap(collector), spec);
}

const forebay_site* api_site(const forebay_site_spec* spec) {
  return reinterpret_cast<const forebay_site*>(model::SiteRegistry::process().intern(*spec));
}

const forebay_bound* api_bind(const forebay_attribute* attributes, uint32_t count) try {
  if (count > kMaxAttributes) return nullptr;
  return new model::BoundAttributes(attributes, count);
} catch (const std::bad_alloc&) {
  return nullptr;
}

void api_bound_release(const forebay_bound* bound) {
  delete static_cast<const model::BoundAttributes*>(bound);
}

void api_count_not_started(uint32_t severity, uint64_t records) {
  Registry::process().count_not_started(severity, records);
}

int32_t api_create(const forebay_option* options, size_t count, forebay_collector** collector,
                   forebay_text_visitor error, void* context) try {
  auto created = Registry::process().create(options, count);
  if (!created) {
    const std::string message = created.status().message();
    if (error != nullptr) error(context, message.data(), message.size());
    return FOREBAY_INVALID_ARGUMENT;
  }
  *collector = wrap(*created);
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

void api_retain(forebay_collector* collector) { Registry::retain(*unwrap(collector)); }
void api_release(forebay_collector* collector) { Registry::process().release(*unwrap(collector)); }
forebay_collector* api_default() { return wrap(Registry::process().default_collector()); }
void api_set_default(forebay_collector* collector) {
  Registry::process().set_default(unwrap(collector));
}

void api_stats(forebay_collector* collector, forebay_number_visitor visit, void* context) try {
  unwrap(collector)->stats(visitor(visit, context));
} catch (const std::bad_alloc&) {  // what was not visited is not there
}

void api_audit(forebay_collector* collector, forebay_number_visitor visit, void* context) try {
  unwrap(collector)->audit(visitor(visit, context));
} catch (const std::bad_alloc&) {
}

int32_t api_flush(forebay_collector* collector, int64_t timeout_ns, forebay_number_visitor visit,
                  void* context) try {
  return unwrap(collector)->flush(timeout_ns, visitor(visit, context)) ? FOREBAY_OK
                                                                       : FOREBAY_TIMED_OUT;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

int32_t api_shutdown(forebay_collector* collector, int64_t timeout_ns, forebay_number_visitor visit,
                     void* context) try {
  return unwrap(collector)->shutdown(timeout_ns, visitor(visit, context)) ? FOREBAY_OK
                                                                          : FOREBAY_TIMED_OUT;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

int32_t api_text(forebay_collector* collector, forebay_string name, forebay_text_visitor visit,
                 void* context) try {
  std::string text;
  if (!unwrap(collector)->text(std::string_view(name.data, name.size), text)) {
    return FOREBAY_INVALID_ARGUMENT;
  }
  visit(context, text.data(), text.size());
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

int32_t take(forebay_collector* collector, Signal signal, forebay_text_visitor visit,
             void* context) {
  if (!unwrap(collector)->options().has_memory_exporter()) return FOREBAY_INVALID_ARGUMENT;
  Incarnation* incarnation = unwrap(collector)->incarnation();
  if (incarnation == nullptr || incarnation->is_abandoned.load()) return FOREBAY_OK;
  for (const auto& kept : incarnation->memory_exporter->take(signal)) {
    const ByteView body = kept.request->view();
    visit(context, reinterpret_cast<const char*>(body.data()), body.size());
  }
  return FOREBAY_OK;
}

int32_t api_take_memory(forebay_collector* collector, forebay_text_visitor visit, void* context) {
  return take(collector, Signal::kLogs, visit, context);
}

int32_t api_take_metrics(forebay_collector* collector, forebay_text_visitor visit, void* context) {
  return take(collector, Signal::kMetrics, visit, context);
}

int32_t api_dump_recorder(forebay_collector* collector, int64_t last_ns) {
  Collector& asked = *unwrap(collector);
  if (!asked.options().pipeline.recorder.is_on()) return FOREBAY_INVALID_ARGUMENT;
  std::optional<Duration> window;
  if (last_ns >= 0) window = Duration{last_ns};
  return asked.dump_recorder(window) ? FOREBAY_OK : FOREBAY_CLOSED;
}

int32_t api_advance(forebay_collector* collector, int64_t ns) try {
  const bool is_moved = ns >= 0 && unwrap(collector)->advance(Duration{ns});
  return is_moved ? FOREBAY_OK : FOREBAY_INVALID_ARGUMENT;
} catch (const std::bad_alloc&) {
  return FOREBAY_OK;  // moved; the drain thread comes to it when there is memory
}

int64_t api_container_memory_limit() try {
  const std::optional<uint64_t> limit = container_memory_limit();
  return limit && *limit <= INT64_MAX ? static_cast<int64_t>(*limit) : -1;
} catch (const std::exception&) {
  return -1;
}

void api_library_parts(forebay_text_visitor visit, void* context) try {
  const std::string text = library_parts();
  visit(context, text.data(), text.size());
} catch (const std::bad_alloc&) {
}

int32_t api_trusted_authorities(const forebay_option* options, size_t option_count,
                                forebay_text_visitor visit, void* context) try {
  OptionReader reader(options, option_count);
  ship::AuthoritySources sources = ship::AuthoritySources::from_environment();
  sources.ca_file = reader.text("ca_file", "");
  sources.host_file = reader.text("host_ca_file", "");
  sources.host_directory = reader.text("host_ca_directory", "");
  sources.fallback_file = reader.text("fallback_ca_file", "");
  if (const Status status = reader.status(); !status.is_ok()) {
    visit(context, status.message().data(), status.message().size());
    return FOREBAY_INVALID_ARGUMENT;
  }
  (void)ship::CurlLoop::prepare_process();
  const auto found = ship::find_authorities_with_libcurl(sources);
  if (!found) {
    visit(context, ship::kNoAuthorities, std::strlen(ship::kNoAuthorities));
    return FOREBAY_UNAVAILABLE;
  }
  for (const std::string* text : {&found->file, &found->directory, &found->from}) {
    visit(context, text->data(), text->size());
  }
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

int32_t api_decompress(forebay_string codec, forebay_string data, size_t max_bytes,
                       forebay_text_visitor content, forebay_text_visitor error,
                       void* context) try {
  const auto fail = [&](std::string_view text) {
    if (error != nullptr) error(context, text.data(), text.size());
    return FOREBAY_INVALID_ARGUMENT;
  };
  const std::string_view name(codec.data, codec.size);
  if (name != "zstd" && name != "gzip" && name != "none")
    return fail("codec: none of zstd, gzip, none");
  const Codec chosen = name == "zstd" ? Codec::kZstd : name == "gzip" ? Codec::kGzip : Codec::kNone;
  ByteBuffer opened;
  Decompressor decompressor;
  const Status status =
      decompressor.decompress(chosen, as_bytes({data.data, data.size}), max_bytes, opened);
  if (!status.is_ok()) return fail(status.message());
  const std::string_view text = as_text(opened.view());
  content(context, text.data(), text.size());
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

int32_t api_last_full(forebay_full* full) {
  const ThreadBinding* binding = current_binding;
  if (binding == nullptr || binding->full_slots == 0) return FOREBAY_INVALID_ARGUMENT;
  const pipeline::Lane& lane = binding->incarnation->pipeline->lanes()[binding->full_lane];
  full->records = binding->full_slots;
  full->timeout_ns = 0;
  if (const queue::FullAction& first = lane.queue->on_full().front();
      first.kind == queue::FullAction::Kind::kBlock) {
    full->timeout_ns = first.timeout ? first.timeout->count() : -1;
  }
  const size_t size = std::min(lane.name.size(), sizeof full->lane);
  std::memcpy(full->lane, lane.name.data(), size);
  full->lane_size = static_cast<uint32_t>(size);
  return FOREBAY_OK;
}

int32_t api_simulate(const forebay_option* options, size_t option_count,
                     const forebay_option* scenario, size_t scenario_count,
                     forebay_number_visitor visit, forebay_text_visitor error, void* context) try {
  auto parsed = Scenario::parse(scenario, scenario_count);
  Status status = parsed.status();
  if (parsed) {
    status = simulate(options, option_count, *parsed, [&](Duration at, const auto& numbers) {
      constexpr std::string_view kTime = "time_ns";
      visit(context, kTime.data(), kTime.size(), at.count());
      for (const auto& [name, value] : numbers) visit(context, name.data(), name.size(), value);
    });
  }
  if (status.is_ok()) return FOREBAY_OK;
  if (error != nullptr) error(context, status.message().data(), status.message().size());
  return FOREBAY_INVALID_ARGUMENT;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

const uint32_t* api_pressure(forebay_collector* collector) {
  return unwrap(collector)->pressure().word();
}

int32_t api_on_pressure(forebay_collector* collector, forebay_pressure_callback callback,
                        void* context, void** registration) {
  if (callback == nullptr || registration == nullptr) return FOREBAY_INVALID_ARGUMENT;
  *registration = nullptr;
  if (unwrap(collector)->is_closed()) return FOREBAY_CLOSED;
  *registration = unwrap(collector)->pressure().add(callback, context);
  return *registration != nullptr ? FOREBAY_OK : FOREBAY_UNAVAILABLE;
}

void api_on_pressure_end(forebay_collector* collector, void* registration) {
  unwrap(collector)->pressure().remove(registration);
}

const forebay_api table = {
    .abi_version = FOREBAY_ABI_VERSION,
    .struct_size = sizeof(forebay_api),
    .library_version = {FOREBAY_VERSION, sizeof(FOREBAY_VERSION) - 1},
    .logger = api_logger,
    .site = api_site,
    .emit = emit,
    .count_not_started = api_count_not_started,
    .collector_create = api_create,
    .collector_retain = api_retain,
    .collector_release = api_release,
    .collector_default = api_default,
    .collector_set_default = api_set_default,
    .collector_stats = api_stats,
    .collector_audit = api_audit,
    .collector_flush = api_flush,
    .collector_shutdown = api_shutdown,
    .collector_text = api_text,
    .collector_take_memory = api_take_memory,
    .decompress = api_decompress,
    .lane_wait = api_lane_wait,
    .lane_notify = api_lane_notify,
    .lane_notify_end = api_lane_notify_end,
    .lane_request = api_lane_request,
    .grant_release = api_grant_release,
    .grant_left = api_grant_left,
    .collector_pressure = api_pressure,
    .collector_on_pressure = api_on_pressure,
    .collector_on_pressure_end = api_on_pressure_end,
    .last_full = api_last_full,
    .collector_dump_recorder = api_dump_recorder,
    .simulate = api_simulate,
    .lane_notify_use = api_lane_notify_use,
    .code_places_wanted = &code_places_wanted,
    .collector_advance = api_advance,
    .container_memory_limit = api_container_memory_limit,
    .library_parts = api_library_parts,
    .trusted_authorities = api_trusted_authorities,
    .instrument = api_instrument,
    .record_int64 = api_record_int64,
    .record_double = api_record_double,
    .series = api_series,
    .series_release = api_series_release,
    .series_record_int64 = api_series_record_int64,
    .series_record_double = api_series_record_double,
    .observe = api_observe,
    .observer_end = api_observer_end,
    .observation_int64 = api_observation_int64,
    .observation_double = api_observation_double,
    .observation_end = api_observation_end,
    .collector_take_metrics = api_take_metrics,
    .collector_metrics_text = api_metrics_text,
    .count_lost_measurements = api_count_lost_measurements,
    .collector_publish_metrics = api_publish_metrics,
    .collector_send_metrics = api_send_metrics,
    .bind = api_bind,
    .bound_release = api_bound_release,
};

}  // namespace
}  // namespace forebay::engine

extern "C" const forebay_api* forebay_get_api(uint32_t abi_version) {
  return abi_version == FOREBAY_ABI_VERSION ? &forebay::engine::table : nullptr;
}
