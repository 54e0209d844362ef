# What a wheel carries inside its library, instead of the system's: FOREBAY_BUNDLE is a prefix that
# scripts/build-bundle has made. Nothing of it is visible outside the library (cmake/forebay.map).

function(forebay_bundled target)
  cmake_parse_arguments(arg "" "" "ARCHIVES;NEEDS;DEFINITIONS" ${ARGN})
  add_library(${target} INTERFACE IMPORTED)
  foreach(archive ${arg_ARCHIVES})
    set(path ${FOREBAY_BUNDLE}/lib/${archive})
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "FOREBAY_BUNDLE: there is no ${path} (scripts/build-bundle makes it)")
    endif()
    target_link_libraries(${target} INTERFACE ${path})
  endforeach()
  target_link_libraries(${target} INTERFACE ${arg_NEEDS})
  target_compile_definitions(${target} INTERFACE ${arg_DEFINITIONS})
  target_include_directories(${target} BEFORE INTERFACE ${FOREBAY_BUNDLE}/include)
endfunction()

forebay_bundled(ZLIB::ZLIB ARCHIVES libz.a)
forebay_bundled(forebay::zstd ARCHIVES libzstd.a)
forebay_bundled(CURL::libcurl ARCHIVES libcurl.a libssl.a libcrypto.a
  NEEDS Threads::Threads ${CMAKE_DL_LIBS} DEFINITIONS CURL_STATICLIB)
