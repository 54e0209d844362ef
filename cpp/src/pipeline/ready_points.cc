#include "pipeline/ready_points.h"

#include <iterator>
#include <new>
#include <utility>

#include "ship/split.h"

namespace forebay::pipeline {
namespace {

EncodedBatch plain_batch(ByteView request, uint64_t points) {
  auto body = std::make_shared<ByteBuffer>();
  body->append(request);
  EncodedBatch batch;
  batch.signal = Signal::kMetrics;
  batch.counts[SeverityClass::kUnspecified] = points;
  batch.raw_bytes = request.size();
  batch.body = std::move(body);
  return batch;
}

}  // namespace

Result<std::vector<EncodedBatch>> cut_ready_points(ByteView request, uint64_t points,
                                                   const ReadyLimits& limits) {
  ship::Transcoder transcoder;
  compress::BatchCompressor compressor(limits.compress);
  std::vector<EncodedBatch> done;
  std::vector<EncodedBatch> open;  // the first one last
  open.push_back(plain_batch(request, points));
  while (!open.empty()) {
    EncodedBatch batch = std::move(open.back());
    open.pop_back();
    const bool is_large = batch.records() > limits.max_points || batch.raw_bytes > limits.max_bytes;
    if (is_large && batch.records() > 1) {
      auto halves = ship::split(batch, transcoder);
      if (!halves) return halves.status();
      std::vector<EncodedBatch> both = halves.take();
      open.insert(open.end(), std::move_iterator(both.rbegin()), std::move_iterator(both.rend()));
      continue;
    }
    auto body = compressor.compress(batch.body->view());
    if (!body) throw std::bad_alloc();
    batch.body = body.take();
    batch.codec = compressor.codec();
    done.push_back(std::move(batch));
  }
  return done;
}

}  // namespace forebay::pipeline
