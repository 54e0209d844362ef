// The options of admission: lanes by attribute, limits, sampling.
#pragma once
#include <string>

#include "collector_options.h"
#include "option_reader.h"

namespace forebay::engine {

// What a lane takes and how much of it, at "lanes[i].".
void read_lane_admission(OptionReader& reader, const std::string& at, pipeline::LaneOptions& lane);
// "sampling[i].*" and "limits.*".
void read_admission(OptionReader& reader, CollectorOptions& options);

}  // namespace forebay::engine
