#include "ship/otlp_http_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

namespace forebay::ship {
namespace {

// These say what the body is or where it goes; another value would make them lie.
constexpr std::array<std::string_view, 7> kOurs = {
    "content-type", "content-encoding", "content-length",   "transfer-encoding",
    "host",         "connection",       "forebay-batch-id",
};

constexpr std::string_view kDefaultEndpoint = "http://localhost:4318";

std::string_view path_of(Signal signal) noexcept {
  return signal == Signal::kLogs ? "v1/logs" : "v1/metrics";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

size_t scheme_length(std::string_view url) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.size() >= scheme.size() && equal_ignoring_case(url.substr(0, scheme.size()), scheme)) {
      return scheme.size();
    }
  }
  return 0;
}

// "host:port", of an URL with a scheme.
std::string_view authority_of(std::string_view url, size_t scheme) noexcept {
  std::string_view host = url.substr(scheme, url.find_first_of("/?#", scheme) - scheme);
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return host;
}

Status check_url(const char* field, const std::string& url) {
  const auto wrong = [&](const char* why) {
    return Status::invalid(std::string(field) + ": \"" + without_secrets(url) + "\" " + why);
  };
  const size_t scheme = scheme_length(url);
  if (scheme == 0) return wrong("does not begin with http:// or https://");
  if (has_control(url) || url.find(' ') != std::string::npos) {
    return wrong("holds a space or a control character");
  }
  const std::string_view host = authority_of(url, scheme);
  if (host.empty() || host.front() == ':') return wrong("names no host");
  return Status::ok();
}

Status check_header(const std::string& name, const std::string& value) {
  if (!is_token(name)) {
    return Status::invalid("headers: \"" + name + "\" is not a header name");
  }
  if (has_control(value)) {
    return Status::invalid("headers: the value of \"" + name + "\" holds a control character");
  }
  for (const std::string_view ours : kOurs) {
    if (equal_ignoring_case(name, ours)) {
      return Status::invalid("headers: \"" + name + "\" is set by Forebay itself");
    }
  }
  return Status::ok();
}

}  // namespace

Server server_of(const std::string& url) {
  const size_t scheme = scheme_length(url);
  if (scheme == 0) return {};
  std::string_view host = authority_of(url, scheme);
  Server server;
  server.port = scheme == std::string_view("https://").size() ? 443 : 80;
  // In an IPv6 address, which stands in brackets, colons mean something else.
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    std::from_chars(host.data() + colon + 1, host.data() + host.size(), server.port);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  server.address = host;
  return server;
}

std::string without_secrets(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t path = url.find_first_of("/?#", host);
  const size_t user_end = url.substr(0, path).rfind('@');
  const size_t query = url.find_first_of("?#", host);
  std::string shown = url.substr(0, host);
  const size_t from = user_end == std::string::npos || user_end < host ? host : user_end + 1;
  shown += url.substr(from, query == std::string::npos ? query : query - from);
  return shown;
}

Status OtlpHttpOptions::validate() const {
  if (!endpoint.empty() && (logs_endpoint.empty() || metrics_endpoint.empty())) {
    if (Status status = check_url("endpoint", endpoint); !status) return status;
    if (endpoint.find_first_of("?#") != std::string::npos) {
      return Status::invalid("endpoint: \"" + without_secrets(endpoint) +
                             "\" has a query, and a path has to be appended to it");
    }
  }
  if (!logs_endpoint.empty()) {
    if (Status status = check_url("logs_endpoint", logs_endpoint); !status) return status;
  }
  if (!metrics_endpoint.empty()) {
    if (Status status = check_url("metrics_endpoint", metrics_endpoint); !status) return status;
  }
  for (const auto& [name, value] : headers) {
    if (Status status = check_header(name, value); !status) return status;
  }
  if (timeout < Duration::zero() || timeout > std::chrono::hours{1}) {
    return Status::invalid("timeout: " + std::to_string(timeout.count()) + " ns is not in 0..1 h");
  }
  if (max_in_flight < 1 || max_in_flight > 64) {
    return Status::invalid("max_in_flight: " + std::to_string(max_in_flight) + " is not in 1..64");
  }
  if (max_request_bytes < (64u << 10) || max_request_bytes > (64u << 20)) {
    return Status::invalid("max_request_bytes: " + std::to_string(max_request_bytes) +
                           " is not in 65536..67108864");
  }
  return Status::ok();
}

std::string OtlpHttpOptions::url(Signal signal) const {
  const bool logs = signal == Signal::kLogs;
  const std::string& own = logs ? logs_endpoint : metrics_endpoint;
  if (!own.empty()) return own;
  const std::string& other = logs ? metrics_endpoint : logs_endpoint;
  std::string url = endpoint;
  if (url.empty() && !other.empty()) {
    const std::string_view others_path = path_of(logs ? Signal::kMetrics : Signal::kLogs);
    if (!other.ends_with("/" + std::string(others_path))) return {};
    url = other.substr(0, other.size() - others_path.size());
  }
  if (url.empty()) url = kDefaultEndpoint;
  if (url.back() != '/') url += '/';
  return url.append(path_of(signal));
}

Status OtlpHttpOptions::validate_for(Signal signal) const {
  if (!url(signal).empty()) return Status::ok();
  const bool logs = signal == Signal::kLogs;
  return Status::invalid(std::string(logs ? "logs_endpoint" : "metrics_endpoint") +
                         ": is not given, nor is endpoint, and none follows from " +
                         (logs ? "metrics_endpoint" : "logs_endpoint") + " (\"" +
                         without_secrets(logs ? metrics_endpoint : logs_endpoint) +
                         "\" does not end with /" +
                         std::string(path_of(logs ? Signal::kMetrics : Signal::kLogs)) + ")");
}

}  // namespace forebay::ship
