#include "base/encoded_batch.h"

namespace forebay {

std::string_view codec_name(Codec codec) noexcept {
  switch (codec) {
    case Codec::kGzip:
      return "gzip";
    case Codec::kZstd:
      return "zstd";
    case Codec::kNone:
      break;
  }
  return "identity";
}

}  // namespace forebay
