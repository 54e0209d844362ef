#include "base/codec.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <string>

namespace forebay {
namespace {

struct FreeCompression {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};
struct FreeDecompression {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

constexpr int kGzipWrapper = 16;  // added to zlib's window bits
// RFC 9659: a zstd Content-Encoding must be readable with a window of 8 MiB. Only the levels above
// 19 would take more by themselves.
constexpr int kMaxWindowLog = 23;
constexpr int kLastLevelWithSmallWindow = 19;
// The most that a stranger's frame may make the decoder allocate: 128 MiB, zstd's own default.
constexpr int kMaxForeignWindowLog = 27;

Status level_out_of_range(const char* codec, int level, const char* range) {
  return Status::invalid(std::string("level: ") + std::to_string(level) + " is not in " + range +
                         " (" + codec + ")");
}

Status zstd_failed(size_t code) {
  return Status::unavailable(std::string("zstd: ") + ZSTD_getErrorName(code));
}

Status too_long(size_t max_bytes) {
  return Status::corrupt("content is longer than " + std::to_string(max_bytes) + " bytes");
}

// Where decompressed bytes go: never more than one byte past the limit, and nothing stays if the
// input turns out bad.
class CappedOutput {
 public:
  CappedOutput(ByteBuffer& buffer, size_t max_bytes) noexcept
      : buffer_(buffer), start_(buffer.size()), left_(max_bytes) {}
  ~CappedOutput() {
    if (!kept_) buffer_.truncate(start_);
  }
  CappedOutput(const CappedOutput&) = delete;
  CappedOutput& operator=(const CappedOutput&) = delete;

  // Room for `wanted` bytes, or as many as may still come, and one more by which too much shows.
  uint8_t* room(size_t wanted, size_t& bytes) {
    bytes = std::min(wanted, left_) + 1;
    return buffer_.reserve(bytes);
  }
  // False where that was more than may come.
  [[nodiscard]] bool wrote(size_t bytes) noexcept {
    if (bytes > left_) return false;
    left_ -= bytes;
    buffer_.advance(bytes);
    return true;
  }
  void keep() noexcept { kept_ = true; }

 private:
  ByteBuffer& buffer_;
  size_t start_;
  size_t left_;
  bool kept_ = false;
};

constexpr size_t kFirstGuess = 64 * 1024;

}  // namespace

struct Compressor::Contexts {
  ~Contexts() {
    if (gzip_level != 0) deflateEnd(&gzip);
  }
  Status zstd_compress(int level, ByteView input, ByteBuffer& output);
  Status gzip_compress(int level, ByteView input, ByteBuffer& output);

  std::unique_ptr<ZSTD_CCtx, FreeCompression> zstd;
  z_stream gzip{};
  int gzip_level = 0;  // 0: `gzip` is not initialised
};

Compressor::Compressor() : contexts_(std::make_unique<Contexts>()) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

Status Compressor::Contexts::zstd_compress(int level, ByteView input, ByteBuffer& output) {
  if (level < -7 || level > 22) return level_out_of_range("zstd", level, "-7..22");
  if (!zstd) zstd.reset(ZSTD_createCCtx());
  if (!zstd) return Status::unavailable("zstd: no memory for a context");
  ZSTD_CCtx_reset(zstd.get(), ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_compressionLevel, level);
  if (level > kLastLevelWithSmallWindow) {
    ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_windowLog, kMaxWindowLog);
  }
  const size_t room = ZSTD_compressBound(input.size());
  uint8_t* to = output.reserve(room);
  const size_t written = ZSTD_compress2(zstd.get(), to, room, input.data(), input.size());
  if (ZSTD_isError(written) != 0) return zstd_failed(written);
  output.advance(written);
  return Status::ok();
}

Status Compressor::Contexts::gzip_compress(int level, ByteView input, ByteBuffer& output) {
  if (level < 0 || level > 9) return level_out_of_range("gzip", level, "0..9");
  if (level == 0) level = 6;
  if (input.size() > UINT_MAX / 2) return Status::invalid("gzip: input is longer than 2 GiB");
  if (gzip_level != 0 && gzip_level != level) {
    deflateEnd(&gzip);
    gzip_level = 0;
  }
  if (gzip_level == 0) {
    gzip = z_stream{};
    if (deflateInit2(&gzip, level, Z_DEFLATED, MAX_WBITS + kGzipWrapper, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      return Status::unavailable("gzip: no memory for a context");
    }
    gzip_level = level;
  } else {
    deflateReset(&gzip);
  }
  const size_t room = deflateBound(&gzip, input.size());
  gzip.next_out = output.reserve(room);
  gzip.avail_out = static_cast<uInt>(room);
  // zlib's interface has no const here; it does not write to its input.
  gzip.next_in = const_cast<Bytef*>(input.data());
  gzip.avail_in = static_cast<uInt>(input.size());
  if (const int result = deflate(&gzip, Z_FINISH); result != Z_STREAM_END) {
    return Status::unavailable("gzip: deflate answered " + std::to_string(result));
  }
  output.advance(room - gzip.avail_out);
  return Status::ok();
}

Status Compressor::compress(Codec codec, int level, ByteView input, ByteBuffer& output) {
  switch (codec) {
    case Codec::kZstd:
      return contexts_->zstd_compress(level, input, output);
    case Codec::kGzip:
      return contexts_->gzip_compress(level, input, output);
    case Codec::kNone:
      break;
  }
  output.append(input);
  return Status::ok();
}

struct Decompressor::Contexts {
  ~Contexts() {
    if (gzip_ready) inflateEnd(&gzip);
  }
  Status zstd_decompress(ByteView input, size_t max_bytes, ByteBuffer& output);
  Status gzip_decompress(ByteView input, size_t max_bytes, ByteBuffer& output);

  std::unique_ptr<ZSTD_DCtx, FreeDecompression> zstd;
  z_stream gzip{};
  bool gzip_ready = false;
};

Decompressor::Decompressor() : contexts_(std::make_unique<Contexts>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Status Decompressor::Contexts::zstd_decompress(ByteView input, size_t max_bytes,
                                               ByteBuffer& output) {
  if (!zstd) zstd.reset(ZSTD_createDCtx());
  if (!zstd) return Status::unavailable("zstd: no memory for a context");
  ZSTD_DCtx_reset(zstd.get(), ZSTD_reset_session_and_parameters);
  // A window that is larger than what may come out is not needed by any honest frame.
  ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax,
                         std::clamp<int>(static_cast<int>(std::bit_width(max_bytes)), kMaxWindowLog,
                                         kMaxForeignWindowLog));
  CappedOutput capped(output, max_bytes);
  // Where the frame says how much it holds, one step takes it all, without a window of its own.
  const unsigned long long claimed = ZSTD_getFrameContentSize(input.data(), input.size());
  size_t wanted = claimed < ZSTD_CONTENTSIZE_ERROR && claimed <= max_bytes
                      ? static_cast<size_t>(claimed)
                      : kFirstGuess;
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  bool at_end = false;
  while (!at_end || in.pos < in.size) {
    size_t room = 0;
    uint8_t* to = capped.room(wanted, room);
    ZSTD_outBuffer out{to, room, 0};
    const size_t result = ZSTD_decompressStream(zstd.get(), &out, &in);
    if (ZSTD_isError(result) != 0) {
      const std::string text = std::string("zstd: ") + ZSTD_getErrorName(result);
      return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? Status::unavailable(text)
                                                                       : Status::corrupt(text);
    }
    if (!capped.wrote(out.pos)) return too_long(max_bytes);
    at_end = result == 0;
    if (!at_end && in.pos == in.size && out.pos < room) {
      return Status::corrupt("zstd: the input ends too soon");
    }
    wanted = std::max(kFirstGuess, out.pos * 2);
  }
  capped.keep();
  return Status::ok();
}

Status Decompressor::Contexts::gzip_decompress(ByteView input, size_t max_bytes,
                                               ByteBuffer& output) {
  if (!gzip_ready) {
    if (inflateInit2(&gzip, MAX_WBITS + kGzipWrapper) != Z_OK) {
      return Status::unavailable("gzip: no memory for a context");
    }
    gzip_ready = true;
  } else {
    inflateReset(&gzip);
  }
  if (input.size() > UINT_MAX) return Status::invalid("gzip: input is longer than 4 GiB");
  CappedOutput capped(output, max_bytes);
  gzip.next_in = const_cast<Bytef*>(input.data());
  gzip.avail_in = static_cast<uInt>(input.size());
  size_t wanted = std::max(kFirstGuess, input.size() * 4);
  bool at_end = false;
  while (!at_end || gzip.avail_in != 0) {
    // Members may follow one another (RFC 1952 2.2).
    if (at_end) inflateReset(&gzip);
    size_t room = 0;
    gzip.next_out = capped.room(std::min<size_t>(wanted, UINT_MAX / 2), room);
    gzip.avail_out = static_cast<uInt>(room);
    const int result = inflate(&gzip, Z_NO_FLUSH);
    const size_t written = room - gzip.avail_out;
    if (result == Z_MEM_ERROR) return Status::unavailable("gzip: no memory");
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return Status::corrupt(std::string("gzip: ") +
                             (gzip.msg != nullptr ? gzip.msg : "not the format"));
    }
    if (!capped.wrote(written)) return too_long(max_bytes);
    at_end = result == Z_STREAM_END;
    if (!at_end && gzip.avail_in == 0 && gzip.avail_out != 0) {
      return Status::corrupt("gzip: the input ends too soon");
    }
    wanted = std::max(kFirstGuess, written * 2);
  }
  capped.keep();
  return Status::ok();
}

Status Decompressor::decompress(Codec codec, ByteView input, size_t max_bytes, ByteBuffer& output) {
  switch (codec) {
    case Codec::kZstd:
      return contexts_->zstd_decompress(input, max_bytes, output);
    case Codec::kGzip:
      return contexts_->gzip_decompress(input, max_bytes, output);
    case Codec::kNone:
      break;
  }
  if (input.size() > max_bytes) return too_long(max_bytes);
  output.append(input);
  return Status::ok();
}

}  // namespace forebay
