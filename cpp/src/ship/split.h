// Halves a batch that the destination found too large.
//
// Walks the wire format of Export{Logs,Metrics}ServiceRequest: records (points) are shared out in
// order, and every message around them (resource, scope, metric, and fields that this version does
// not know) stays around both halves.
#pragma once
#include <vector>

#include "base/encoded_batch.h"
#include "base/status.h"
#include "ship/transcode.h"

namespace forebay::ship {

// Two batches, "<id>.0" with the first half of the records (points) and "<id>.1" with the rest, in
// the same codec. Their counts, and how many they represent, are read from the records themselves;
// a point has no severity and does not say who made it, so that the batch's own numbers are shared
// out. The counts add up to the batch's own; where they do not, the bytes are not what the batch
// claims, and it is kCorrupt. Needs two records.
Result<std::vector<EncodedBatch>> split(const EncodedBatch& batch, Transcoder& transcoder);

}  // namespace forebay::ship
