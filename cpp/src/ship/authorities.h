// Whose word a TLS client takes: certificates of authorities, and where they are looked for. A
// library that is built on one machine and runs on another knows no place by itself.
#pragma once
#include <optional>
#include <string>

namespace forebay::ship {

// Places to look in, in this order; an empty one is not looked at. The first that is there and not
// empty is taken. With a ca_file it is that one and nothing else.
struct AuthoritySources {
  std::string ca_file;
  std::string environment_file;       // SSL_CERT_FILE
  std::string environment_directory;  // SSL_CERT_DIR
  std::string host_file;              // what the program around us would take: Python's own default
  std::string host_directory;
  std::string library_file;  // libcurl's own default, where whoever built it gave it one
  std::string library_directory;
  // Here: where distributions have theirs.
  std::string fallback_file;  // a copy that came with a package: certifi's

  // With what the environment says. Not while another thread changes the environment.
  static AuthoritySources from_environment();
};

// PEM certificates in one file, in a directory of files by hashed names (OpenSSL's rehash), or
// both.
struct Authorities {
  std::string file;
  std::string directory;
  std::string from;  // who named them, for people: "ca_file", "SSL_CERT_FILE", "Python's default"
};

// None: nobody can be trusted. `root` is what the distributions' places are under.
std::optional<Authorities> find_authorities(const AuthoritySources& sources,
                                            const std::string& root = {});

// find_authorities, libcurl's own default among them: some distributions build it with a place that
// only they know.
std::optional<Authorities> find_authorities_with_libcurl(AuthoritySources sources);

// What to say then, in one line: "tls_no_ca: …".
extern const char* const kNoAuthorities;

}  // namespace forebay::ship
