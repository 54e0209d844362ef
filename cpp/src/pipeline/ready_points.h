// Points that somebody else has collected and encoded: how a finished request becomes batches that
// are as small as our own.
#pragma once
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/encoded_batch.h"
#include "base/status.h"
#include "compress/batch_compressor.h"

namespace forebay::pipeline {

struct ReadyLimits {
  uint32_t max_points = 8192;
  uint64_t max_bytes = 4u << 20;  // before compression; a single point may be larger
  compress::CompressOptions compress;
};

// Compressed batches with their points counted, and nothing else filled in. `points`: how many the
// ExportMetricsServiceRequest has, at least one. kCorrupt where it has another number. Throws
// std::bad_alloc.
Result<std::vector<EncodedBatch>> cut_ready_points(ByteView request, uint64_t points,
                                                   const ReadyLimits& limits);

}  // namespace forebay::pipeline
