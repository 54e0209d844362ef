#include "options_parts.h"

namespace forebay::engine {

namespace {

void read_url(OptionReader& reader, const std::string& path, std::string& url) {
  url = reader.text(path, "");
  if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://")) {
    reader.fail(path, "'" + url + "' does not begin with http:// or https://");
  }
}

}  // namespace

void read_exporter(OptionReader& reader, const std::string& at, ExporterOptions& exporter) {
  exporter.path = at;
  exporter.type =
      reader.one_of(at + "type", exporter.type, {"otlp_http", "file", "console", "memory", "null"});
  if (exporter.type == "otlp_http") {
    read_url(reader, at + "endpoint", exporter.endpoint);
    read_url(reader, at + "logs_endpoint", exporter.logs_endpoint);
    read_url(reader, at + "metrics_endpoint", exporter.metrics_endpoint);
    for (auto& [name, value] : reader.map(at + "headers")) {
      if (value.type != FOREBAY_STRING || name.empty() ||
          name.find_first_of(":\r\n ") != std::string::npos ||
          value.bytes.find_first_of("\r\n") != std::string::npos) {
        reader.fail(at + "headers:" + name, "is not a header's name and value");  // never the value
      }
      exporter.headers.emplace_back(name, value.bytes);
    }
    exporter.timeout = reader.seconds(at + "timeout", exporter.timeout, 0, 3600);
    exporter.max_in_flight =
        static_cast<uint32_t>(reader.whole(at + "max_in_flight", exporter.max_in_flight, 1, 64));
    exporter.ca_file = reader.text(at + "ca_file", "");
    exporter.host_ca_file = reader.text(at + "host_ca_file", "");
    exporter.host_ca_directory = reader.text(at + "host_ca_directory", "");
    exporter.fallback_ca_file = reader.text(at + "fallback_ca_file", "");
    exporter.client_certificate = reader.text(at + "client_certificate", "");
    exporter.client_key = reader.text(at + "client_key", "");
    exporter.verify = reader.flag(at + "verify", true);
    if (exporter.client_certificate.empty() != exporter.client_key.empty()) {
      reader.fail(at + "client_key", "client_certificate and client_key go together");
    }
  }
  if (exporter.type == "otlp_http" || exporter.type == "null") {
    const std::string codec = reader.one_of(at + "compression", "zstd", {"zstd", "gzip", "none"});
    exporter.codec = codec == "zstd" ? Codec::kZstd : codec == "gzip" ? Codec::kGzip : Codec::kNone;
    exporter.compression_level = codec == "gzip" ? reader.level(at + "compression_level", 1, 9)
                                                 : reader.level(at + "compression_level", -7, 22);
  } else {
    exporter.codec = Codec::kNone;  // written out plain: compressing first would be for nothing
  }
  if (exporter.type == "file") {
    exporter.directory = reader.text(at + "directory", "");
    if (exporter.directory.empty()) reader.fail(at + "directory", "is not given");
    exporter.format = reader.one_of(at + "format", "jsonl", {"jsonl", "otlp"});
    exporter.max_file_bytes =
        reader.whole(at + "max_file_bytes", exporter.max_file_bytes, 4096, uint64_t{1} << 40);
    exporter.max_total_bytes =
        reader.whole(at + "max_total_bytes", exporter.max_total_bytes, 4096, uint64_t{1} << 50);
    exporter.max_age = reader.seconds(at + "max_age", exporter.max_age, 1, 10 * kYear);
    if (exporter.max_total_bytes < exporter.max_file_bytes) {
      reader.fail(at + "max_total_bytes", "is less than max_file_bytes");
    }
  }
  exporter.console = reader.one_of(at + "console", "off", {"off", "auto", "pretty", "json"});
  if (exporter.type == "console") {
    if (exporter.console != "off") {
      reader.fail(at + "console", "'" + exporter.console + "', but the exporter is the console");
    }
    exporter.format = reader.one_of(at + "format", "auto", {"auto", "pretty", "json"});
  }
  if (exporter.type == "memory") {
    exporter.max_bytes =
        reader.whole(at + "max_bytes", exporter.max_bytes, 1024, uint64_t{1} << 40);
  }
}

}  // namespace forebay::engine
