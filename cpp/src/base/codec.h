// zstd, gzip and nothing, over whole buffers. One object a thread: contexts are reused.
#pragma once
#include <memory>

#include "base/bytes.h"
#include "base/encoded_batch.h"
#include "base/status.h"

namespace forebay {

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends `input` in `codec` to `output`. `level`: zstd -7..22 (0: its default, 3), gzip 1..9
  // (0: 6); ignored for kNone. The frame of zstd carries the content size and no checksum.
  Status compress(Codec codec, int level, ByteView input, ByteBuffer& output);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Appends the content of `input` to `output`. Stops with kCorrupt at `max_bytes` + 1, whatever
  // the frame claims, and for bytes that end too soon or go on after the end.
  Status decompress(Codec codec, ByteView input, size_t max_bytes, ByteBuffer& output);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace forebay
