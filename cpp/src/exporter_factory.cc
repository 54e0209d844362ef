#include "exporter_factory.h"

#include <unistd.h>

#include "base/file_system.h"
#include "ship/console_exporter.h"
#include "ship/console_mirror.h"
#include "ship/curl_loop.h"
#include "ship/curl_transport.h"
#include "ship/file_exporter.h"
#include "ship/memory_exporter.h"
#include "ship/null_exporter.h"
#include "ship/otlp_http_exporter.h"

namespace forebay::engine {
namespace {

ship::OtlpHttpOptions http_options(const ExporterOptions& given) {
  ship::OtlpHttpOptions options;
  options.endpoint = given.endpoint;
  options.logs_endpoint = given.logs_endpoint;
  options.metrics_endpoint = given.metrics_endpoint;
  options.headers = given.headers;
  options.timeout = given.timeout;
  options.codec = given.codec;
  options.max_in_flight = given.max_in_flight;
  return options;
}

ship::TlsOptions tls_options(const ExporterOptions& given) {
  ship::TlsOptions tls;
  tls.authorities = ship::AuthoritySources::from_environment();
  tls.authorities.ca_file = given.ca_file;
  tls.authorities.host_file = given.host_ca_file;
  tls.authorities.host_directory = given.host_ca_directory;
  tls.authorities.fallback_file = given.fallback_ca_file;
  tls.certificate_file = given.client_certificate;
  tls.key_file = given.client_key;
  tls.verify = given.verify;
  return tls;
}

std::unique_ptr<ship::Exporter> make_file(const CollectorOptions& collector,
                                          const ExporterOptions& given, const Clock& clock) {
  ship::FileOptions options;
  options.directory = given.directory;
  options.format = given.format == "otlp" ? ship::FileFormat::kOtlp : ship::FileFormat::kJsonLines;
  options.service = collector.pipeline.service_name;
  options.instance_id = collector.pipeline.instance_id;
  options.max_file_bytes = given.max_file_bytes;
  options.max_total_bytes = given.max_total_bytes;
  options.max_age = given.max_age;
  return std::make_unique<ship::FileExporter>(std::move(options), FileSystem::system(), clock);
}

ship::ConsoleFormat console_format(const std::string& name) {
  return name == "pretty" ? ship::ConsoleFormat::kPretty
         : name == "json" ? ship::ConsoleFormat::kJson
                          : ship::ConsoleFormat::kAuto;
}

// What all exporters of a collector have in common.
struct Made {
  std::shared_ptr<ship::CurlLoop> loop = std::make_shared<ship::CurlLoop>();
  ship::MemoryExporter* memory = nullptr;
};

std::unique_ptr<ship::Exporter> make_destination(const CollectorOptions& options,
                                                 const ExporterOptions& exporter,
                                                 const Clock& clock, Made& made) {
  if (exporter.type == "otlp_http") {
    // Here, under the registry's lock, which fork handlers hold. Where it fails, each attempt says
    // so.
    (void)ship::CurlLoop::prepare_process();
    auto transport = std::make_unique<ship::CurlTransport>(tls_options(exporter), made.loop);
    return std::make_unique<ship::OtlpHttpExporter>(http_options(exporter), std::move(transport),
                                                    clock);
  }
  if (exporter.type == "file") return make_file(options, exporter, clock);
  if (exporter.type == "console") {
    return std::make_unique<ship::ConsoleExporter>(console_format(exporter.format), STDERR_FILENO);
  }
  if (exporter.type == "null") return std::make_unique<ship::NullExporter>(exporter.codec);
  auto memory = std::make_unique<ship::MemoryExporter>(exporter.max_bytes);
  made.memory = memory.get();
  return memory;
}

}  // namespace

Status validate_exporters(const CollectorOptions& options) {
  for (const auto& route : options.exporters) {
    for (const ExporterOptions& exporter : route) {
      if (exporter.type != "otlp_http") continue;
      const ship::OtlpHttpOptions http = http_options(exporter);
      Status status = http.validate();
      // Log records always may come; a destination for metrics is asked for where there are any.
      if (status.is_ok()) status = http.validate_for(Signal::kLogs);
      if (status.is_ok()) status = tls_options(exporter).validate();
      if (!status.is_ok()) return Status::invalid(exporter.path + status.message());
    }
  }
  return Status::ok();
}

MadeExporters make_exporters(const CollectorOptions& options, const Clock& clock) {
  MadeExporters all;
  Made made;
  for (const auto& route : options.exporters) {
    pipeline::Route::Exporters& exporters = all.routes.emplace_back();
    for (const ExporterOptions& each : route) {
      auto exporter = make_destination(options, each, clock, made);
      if (each.console != "off") {
        exporter = std::make_unique<ship::ConsoleMirror>(
            std::move(exporter), console_format(each.console), STDERR_FILENO);
      }
      exporters.push_back(std::move(exporter));
    }
  }
  all.memory = made.memory;
  return all;
}

}  // namespace forebay::engine
