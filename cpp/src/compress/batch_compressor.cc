#include "compress/batch_compressor.h"

#include <new>
#include <string>

namespace forebay::compress {

Status CompressOptions::validate() const {
  if (codec == Codec::kZstd && (level < -7 || level > 22)) {
    return Status::invalid("compression_level: " + std::to_string(level) +
                           " is not in -7..22 (zstd)");
  }
  if (codec == Codec::kGzip && (level < 0 || level > 9)) {
    return Status::invalid("compression_level: " + std::to_string(level) +
                           " is not in 0..9 (gzip)");
  }
  return Status::ok();
}

BatchCompressor::BatchCompressor(const CompressOptions& options) : options_(options) {}

Result<std::shared_ptr<const ByteBuffer>> BatchCompressor::compress(ByteView request) try {
  ByteView body = request;
  if (options_.codec != Codec::kNone) {
    scratch_.clear();
    const int level = options_.codec == Codec::kZstd && options_.level == 0 ? 1 : options_.level;
    if (Status status = compressor_.compress(options_.codec, level, request, scratch_); !status) {
      return status;
    }
    body = scratch_.view();
  }
  return std::shared_ptr<const ByteBuffer>(std::make_shared<ByteBuffer>(ByteBuffer::copy_of(body)));
} catch (const std::bad_alloc&) {
  return Status::unavailable("no memory to compress a batch");
}

}  // namespace forebay::compress
