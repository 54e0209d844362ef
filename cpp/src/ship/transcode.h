// A batch's bytes in another codec than the one they came in.
#pragma once
#include <memory>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/encoded_batch.h"
#include "base/status.h"

namespace forebay::ship {

// Not thread-safe: one an exporter.
class Transcoder {
 public:
  using Body = std::shared_ptr<const ByteBuffer>;

  // The OTLP message itself. Shares the batch's own bytes where it is not compressed.
  Result<Body> plain(const EncodedBatch& batch);
  // The batch's body in `codec`, at that codec's default level.
  Result<Body> in_codec(const EncodedBatch& batch, Codec codec);
  // A message in `codec`, in a buffer without room to spare.
  Result<Body> encode(ByteView message, Codec codec);

 private:
  Compressor compressor_;
  Decompressor decompressor_;
};

}  // namespace forebay::ship
