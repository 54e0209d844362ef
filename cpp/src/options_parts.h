// The parts of a collector's options, each read by a file of its own: options_<part>.cc.
#pragma once
#include "collector_options.h"
#include "option_reader.h"

namespace forebay::engine {

// lanes[i]; needs `memory_limit` to be read.
void read_lanes(OptionReader& reader, CollectorOptions& options);
// batch.*, backlog.*, retry.*, breaker.*; needs `memory_limit` to be read.
void read_delivery(OptionReader& reader, CollectorOptions& options);
// metrics.*; needs the lanes. `used_bytes`: what these and the backlog may take of `memory_limit`.
void read_metrics(OptionReader& reader, CollectorOptions& options, uint64_t used_bytes);
// The options of one exporter: what begins with `at`.
void read_exporter(OptionReader& reader, const std::string& at, ExporterOptions& exporter);
// routes[r], or exporter: then there is one route. Needs the lanes' and the backlog's options.
void read_routes(OptionReader& reader, CollectorOptions& options);

}  // namespace forebay::engine
