#include "library_parts.h"

#include <curl/curl.h>
#include <zlib.h>
#include <zstd.h>

namespace forebay::engine {

std::string library_parts() {
  const curl_version_info_data* curl = curl_version_info(CURLVERSION_NOW);
  std::string text = std::string("libcurl/") + curl->version;
  if (curl->ssl_version != nullptr) text += std::string(" ") + curl->ssl_version;
  return text + " zlib/" + zlibVersion() + " zstd/" + ZSTD_versionString();
}

}  // namespace forebay::engine
