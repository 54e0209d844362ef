#include "ship/authorities.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace forebay::ship {
namespace {

namespace fs = std::filesystem;

class AuthoritiesTest : public ::testing::Test {
 protected:
  // Tests run beside each other.
  AuthoritiesTest()
      : root_(fs::path(::testing::TempDir()) / ("authorities_test-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~AuthoritiesTest() override { fs::remove_all(root_); }

  std::string file(const std::string& name, const std::string& content = "PEM") {
    const auto path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path.string();
  }
  std::string directory(const std::string& name, const std::string& holds = "5ed36f99.0") {
    if (holds.empty()) {
      fs::create_directories(root_ / name);
    } else {
      file(name + "/" + holds);
    }
    return (root_ / name).string();
  }

  // As on a machine whose root it is.
  [[nodiscard]] std::optional<Authorities> here(const AuthoritySources& sources = {}) const {
    return find_authorities(sources, root_.string());
  }

  const fs::path root_;
};

TEST_F(AuthoritiesTest, the_first_place_that_has_any_is_taken) {
  AuthoritySources sources;
  sources.fallback_file = file("certifi.pem");
  sources.library_file = file("libcurl.pem");
  EXPECT_EQ(find_authorities(sources)->from, "libcurl's default");
  sources.host_directory = directory("python");
  EXPECT_EQ(find_authorities(sources)->directory, sources.host_directory);
  sources.host_file = file("python.pem");
  EXPECT_EQ(find_authorities(sources)->file, sources.host_file);
  EXPECT_EQ(find_authorities(sources)->directory, sources.host_directory)
      << "both, as OpenSSL does";
  EXPECT_EQ(find_authorities(sources)->from, "Python's default");
  sources.environment_directory = directory("of_environment");
  EXPECT_EQ(find_authorities(sources)->from, "SSL_CERT_DIR");
  EXPECT_EQ(find_authorities(sources)->file, "") << "what comes later is not mixed in";
  sources.environment_file = file("environment.pem");
  EXPECT_EQ(find_authorities(sources)->from, "SSL_CERT_FILE");
  sources.ca_file = file("given.pem");
  const Authorities given = *find_authorities(sources);
  EXPECT_EQ(given.file, sources.ca_file);
  EXPECT_EQ(given.directory, "");
  EXPECT_EQ(given.from, "ca_file");
}

TEST_F(AuthoritiesTest, a_place_that_is_not_there_or_empty_is_passed_over) {
  AuthoritySources sources;
  sources.host_file = file("good.pem");
  for (const std::string& bad : {std::string("/nowhere/ca.pem"), file("empty.pem", ""),
                                 directory("a_directory"), std::string("/dev/null")}) {
    sources.environment_file = bad;
    EXPECT_EQ(find_authorities(sources)->from, "Python's default") << bad;
  }
  sources.environment_file.clear();
  for (const std::string& bad :
       {std::string("/nowhere"), directory("empty", ""), directory("other", "readme.txt"),
        directory("no_number", "5ed36f99."), directory("short", "5ed36f9.0")}) {
    sources.environment_directory = bad;
    EXPECT_EQ(find_authorities(sources)->from, "Python's default") << bad;
  }
  sources.environment_directory = "/nowhere:" + directory("second");
  EXPECT_EQ(find_authorities(sources)->from, "SSL_CERT_DIR") << "a list, as OpenSSL takes it";
}

TEST_F(AuthoritiesTest, a_given_file_counts_even_where_it_is_gone) {
  AuthoritySources sources;
  sources.ca_file = "/nowhere/ca.pem";
  sources.host_file = file("host.pem");
  EXPECT_EQ(find_authorities(sources)->file, "/nowhere/ca.pem") << "never somebody else instead";
}

TEST_F(AuthoritiesTest, where_nobody_names_any_the_distributions_places_are_looked_at) {
  EXPECT_FALSE(here()) << "a bare machine has none";
  AuthoritySources sources;
  sources.fallback_file = file("certifi.pem");
  EXPECT_EQ(here(sources)->from, "certifi");
  directory("etc/ssl/certs");
  EXPECT_EQ(here(sources)->directory, (root_ / "etc/ssl/certs").string());
  for (const char* known :
       {"etc/ssl/cert.pem", "etc/ssl/ca-bundle.pem", "etc/pki/tls/certs/ca-bundle.crt",
        "etc/ssl/certs/ca-certificates.crt"}) {
    const std::string path = file(known);
    EXPECT_EQ(here(sources)->file, path);
    EXPECT_EQ(here(sources)->from, "a known place");
  }
  sources.host_file = file("python.pem");
  EXPECT_EQ(here(sources)->from, "Python's default");
}

TEST_F(AuthoritiesTest, the_environment_is_read_when_asked) {
  ::setenv("SSL_CERT_FILE", "/of/the/environment", 1);
  const AuthoritySources sources = AuthoritySources::from_environment();
  ::unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(sources.environment_file, "/of/the/environment");
  EXPECT_EQ(AuthoritySources::from_environment().environment_file, "");
}

}  // namespace
}  // namespace forebay::ship
