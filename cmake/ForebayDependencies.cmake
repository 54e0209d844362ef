# Finds what Forebay is built from. A missing piece stops with one line that names its Debian package.

function(forebay_missing what package)
  message(FATAL_ERROR "Forebay needs ${what}: install the Debian package ${package} (apt-get install ${package})")
endfunction()

find_package(Threads REQUIRED)

set(FOREBAY_BUNDLE "$ENV{FOREBAY_BUNDLE}" CACHE PATH
  "Prefix of static OpenSSL, libcurl, zlib and zstd to link (scripts/build-bundle); empty: the system's")

if(FOREBAY_BUNDLE)
  include(ForebayBundle)
else()
  find_package(CURL QUIET)
  if(NOT CURL_FOUND)
    forebay_missing("libcurl with its headers" libcurl4-openssl-dev)
  endif()

  find_package(ZLIB QUIET)
  if(NOT ZLIB_FOUND)
    forebay_missing("zlib with its headers" zlib1g-dev)
  endif()

  find_path(FOREBAY_ZSTD_INCLUDE_DIR zstd.h)
  find_library(FOREBAY_ZSTD_LIBRARY zstd)
  if(NOT FOREBAY_ZSTD_INCLUDE_DIR OR NOT FOREBAY_ZSTD_LIBRARY)
    forebay_missing("libzstd with its headers" libzstd-dev)
  endif()
  add_library(forebay::zstd UNKNOWN IMPORTED)
  set_target_properties(forebay::zstd PROPERTIES
    IMPORTED_LOCATION "${FOREBAY_ZSTD_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${FOREBAY_ZSTD_INCLUDE_DIR}")
endif()

# Debian puts the header at concurrentqueue/, other installs at moodycamel/ or concurrentqueue/moodycamel/.
find_path(FOREBAY_CONCURRENTQUEUE_INCLUDE_DIR concurrentqueue.h
  PATH_SUFFIXES concurrentqueue concurrentqueue/moodycamel moodycamel)
if(NOT FOREBAY_CONCURRENTQUEUE_INCLUDE_DIR)
  forebay_missing("moodycamel's ConcurrentQueue" libconcurrentqueue-dev)
endif()
