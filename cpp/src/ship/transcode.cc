#include "ship/transcode.h"

#include <algorithm>
#include <utility>

namespace forebay::ship {
namespace {

// The most that OTLP/HTTP lets a request hold before compression; no batch is larger.
constexpr uint64_t kMaxMessageBytes = 64u << 20;

}  // namespace

Result<Transcoder::Body> Transcoder::plain(const EncodedBatch& batch) {
  if (!batch.body) return Status::corrupt("batch " + batch.id + " has no body");
  if (batch.codec == Codec::kNone) return batch.body;
  auto message = std::make_shared<ByteBuffer>();
  const uint64_t limit = std::max(batch.raw_bytes, kMaxMessageBytes);
  Status status = decompressor_.decompress(batch.codec, batch.body->view(), limit, *message);
  if (!status) return status;
  return Body(std::move(message));
}

Result<Transcoder::Body> Transcoder::encode(ByteView message, Codec codec) {
  ByteBuffer roomy;
  Status status = compressor_.compress(codec, 0, message, roomy);
  if (!status) return status;
  return Body(std::make_shared<ByteBuffer>(ByteBuffer::copy_of(roomy.view())));
}

Result<Transcoder::Body> Transcoder::in_codec(const EncodedBatch& batch, Codec codec) {
  if (batch.codec == codec && batch.body) return batch.body;
  Result<Body> message = plain(batch);
  if (!message || codec == Codec::kNone) return message;
  return encode((*message)->view(), codec);
}

}  // namespace forebay::ship
