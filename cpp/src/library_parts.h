// What the library is made with, as it is in this process.
#pragma once
#include <string>

namespace forebay::engine {

// For people: "libcurl/8.22.0 OpenSSL/3.5.4 zlib/1.3.1 zstd/1.5.7".
std::string library_parts();

}  // namespace forebay::engine
