# What an installed Forebay is: headers, one library, and a CMake package and pkg-config files that find both beside
# themselves.
# In a wheel (SKBUILD) the prefix is the package folder, forebay/.
include(CMakePackageConfigHelpers)

if(SKBUILD)
  set(CMAKE_INSTALL_LIBDIR lib)
  set(CMAKE_INSTALL_INCLUDEDIR include)
else()
  include(GNUInstallDirs)
endif()
set(FOREBAY_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Forebay)

if(SKBUILD)
  install(TARGETS forebay LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_SKIP)
else()
  install(TARGETS forebay LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY cpp/include/forebay DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

set(FOREBAY_LIBRARY_FILE ${CMAKE_INSTALL_LIBDIR}/libforebay.so.1)
configure_package_config_file(cmake/ForebayConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/ForebayConfig.cmake
  INSTALL_DESTINATION ${FOREBAY_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR FOREBAY_LIBRARY_FILE)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ForebayConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ForebayConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/ForebayConfigVersion.cmake
  DESTINATION ${FOREBAY_CMAKE_DIR})

# A wheel that carries others' code says whose: licences and the bill of materials go where it has its
# metadata (PEP 639, PEP 770).
if(SKBUILD AND FOREBAY_BUNDLE)
  file(READ ${FOREBAY_CONCURRENTQUEUE_INCLUDE_DIR}/concurrentqueue.h FOREBAY_QUEUE_HEADER LIMIT 8192)
  string(REGEX MATCH "// Simplified BSD license:.*POSSIBILITY OF SUCH DAMAGE\\."
    FOREBAY_QUEUE_LICENSE "${FOREBAY_QUEUE_HEADER}")
  if(NOT FOREBAY_QUEUE_LICENSE)
    message(FATAL_ERROR "concurrentqueue.h has no licence where it was: see cmake/ForebayInstall.cmake")
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/concurrentqueue.txt "${FOREBAY_QUEUE_LICENSE}\n")
  install(DIRECTORY ${FOREBAY_BUNDLE}/licenses/ DESTINATION ${SKBUILD_METADATA_DIR}/licenses)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/concurrentqueue.txt
    DESTINATION ${SKBUILD_METADATA_DIR}/licenses)
  install(FILES ${FOREBAY_BUNDLE}/bundle.cdx.json DESTINATION ${SKBUILD_METADATA_DIR}/sboms)
endif()

set(FOREBAY_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH FOREBAY_PC_TO_PREFIX /prefix/${FOREBAY_PC_DIR} /prefix)
string(REGEX REPLACE "/$" "" FOREBAY_PC_TO_PREFIX "${FOREBAY_PC_TO_PREFIX}")
list(TRANSFORM CMAKE_DL_LIBS PREPEND -l OUTPUT_VARIABLE FOREBAY_PC_DL)
foreach(name forebay forebay-headers)
  configure_file(cmake/${name}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${FOREBAY_PC_DIR})
endforeach()
