#include "ship/authorities.h"

#include <curl/curl.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace forebay::ship {
namespace {

constexpr std::array kKnownFiles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Red Hat, Fedora, Alma
    "/etc/pki/tls/certs/ca-bundle.crt",                   // the same, older
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, Wolfi, OpenBSD
    "/usr/local/share/certs/ca-root-nss.crt",             // FreeBSD
    "/etc/openssl/certs/ca-certificates.crt",             // NetBSD
};
constexpr std::array kKnownDirectories = {"/etc/ssl/certs", "/etc/pki/tls/certs",
                                          "/etc/openssl/certs"};

bool holds_something(const std::string& file) {
  struct stat found {};
  return !file.empty() && ::stat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
         found.st_size > 0 && ::access(file.c_str(), R_OK) == 0;
}

// A name such as 5ed36f99.0: OpenSSL looks for no other.
bool is_hashed_name(std::string_view name) {
  constexpr size_t kHash = 8;
  return name.size() > kHash + 1 && name[kHash] == '.' &&
         name.find_first_not_of("0123456789abcdef") == kHash &&
         name.find_first_not_of("0123456789", kHash + 1) == std::string_view::npos;
}

bool holds_certificates(const std::string& directory) {
  if (directory.empty()) return false;
  const auto close = [](DIR* opened) { ::closedir(opened); };
  const std::unique_ptr<DIR, decltype(close)> opened(::opendir(directory.c_str()), close);
  if (!opened) return false;
  while (const dirent* entry = ::readdir(opened.get())) {
    if (is_hashed_name(entry->d_name)) return true;
  }
  return false;
}

// OPENSSL's own rule: a list of directories, with colons between.
bool any_holds_certificates(std::string_view directories) {
  while (!directories.empty()) {
    const size_t end = std::min(directories.find(':'), directories.size());
    if (holds_certificates(std::string(directories.substr(0, end)))) return true;
    directories.remove_prefix(std::min(end + 1, directories.size()));
  }
  return false;
}

std::optional<Authorities> both(const std::string& file, const std::string& directory,
                                const char* file_from, const char* directory_from) {
  Authorities found;
  if (holds_something(file)) {
    found.file = file;
    found.from = file_from;
  }
  if (any_holds_certificates(directory)) {
    found.directory = directory;
    if (found.from.empty()) found.from = directory_from;
  }
  if (found.from.empty()) return std::nullopt;
  return found;
}

std::string from_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

const char* const kNoAuthorities =
    "tls_no_ca: no authorities to check the destination's certificate against: install the "
    "system's (ca-certificates), or give ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)";

AuthoritySources AuthoritySources::from_environment() {
  AuthoritySources sources;
  sources.environment_file = from_variable("SSL_CERT_FILE");
  sources.environment_directory = from_variable("SSL_CERT_DIR");
  return sources;
}

std::optional<Authorities> find_authorities(const AuthoritySources& sources,
                                            const std::string& root) {
  if (!sources.ca_file.empty()) return Authorities{sources.ca_file, {}, "ca_file"};
  auto found = both(sources.environment_file, sources.environment_directory, "SSL_CERT_FILE",
                    "SSL_CERT_DIR");
  if (!found) {
    found = both(sources.host_file, sources.host_directory, "Python's default", "Python's default");
  }
  if (!found) {
    found = both(sources.library_file, sources.library_directory, "libcurl's default",
                 "libcurl's default");
  }
  for (const char* file : kKnownFiles) {
    if (!found) found = both(root + file, {}, "a known place", "");
  }
  for (const char* directory : kKnownDirectories) {
    if (!found) found = both({}, root + directory, "", "a known place");
  }
  if (!found) found = both(sources.fallback_file, {}, "certifi", "");
  return found;
}

std::optional<Authorities> find_authorities_with_libcurl(AuthoritySources sources) {
#if LIBCURL_VERSION_NUM >= 0x075400
  const auto free = [](CURL* handle) { curl_easy_cleanup(handle); };
  const std::unique_ptr<CURL, decltype(free)> easy(curl_easy_init(), free);
  const auto text = [&](CURLINFO what) -> std::string {
    char* value = nullptr;
    if (!easy || curl_easy_getinfo(easy.get(), what, &value) != CURLE_OK || value == nullptr) {
      return {};
    }
    return value;
  };
  sources.library_file = text(CURLINFO_CAINFO);
  sources.library_directory = text(CURLINFO_CAPATH);
#endif
  return find_authorities(sources);
}

}  // namespace forebay::ship
