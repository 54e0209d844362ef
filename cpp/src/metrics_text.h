// All series of a collector's life in one process, as text, with what Forebay reports of itself.
#pragma once
#include <cstdint>

#include "base/bytes.h"
#include "incarnation.h"

namespace forebay::engine {

// Appends them: OpenMetrics, or the text format. FOREBAY_OK, or FOREBAY_TIMED_OUT where a thread
// stood still for a second in the middle of a measurement. Of observable instruments, what was
// observed by now: see Pipeline::observe(). Any thread, also after the pipeline's shutdown. Throws
// std::bad_alloc.
int32_t write_metrics_text(Incarnation& incarnation, bool is_open_metrics, ByteBuffer& out);

}  // namespace forebay::engine
