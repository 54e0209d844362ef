#include <filesystem>
#include <map>
#include <set>

#include "options_parts.h"

namespace forebay::engine {
namespace {

constexpr size_t kMostExporters = 8;  // of a route

std::string path_of(size_t route) { return "routes[" + std::to_string(route) + "]."; }

void read_route(OptionReader& reader, CollectorOptions& options, size_t number) {
  const std::string at = path_of(number);
  pipeline::RouteOptions route;
  route.name = reader.text(at + "name", "");
  if (route.name.empty() || route.name.size() > 31 ||
      route.name.find_first_of(". \t\n") != std::string::npos) {
    reader.fail(at + "name",
                "'" + route.name + "' is not a name of 1 to 31 bytes without spaces or dots");
  }
  route.order = reader.one_of(at + "order", "failover", {"failover", "round_robin"}) == "failover"
                    ? pipeline::RouteOrder::kFailover
                    : pipeline::RouteOrder::kRoundRobin;
  if (reader.has(at + "on_backlog_full")) {
    route.on_backlog_full =
        reader.one_of(at + "on_backlog_full", "hold", {"hold", "evict_oldest"}) == "hold"
            ? backlog::OnBacklogFull::kHold
            : backlog::OnBacklogFull::kEvictOldest;
  }
  route.backlog_share = reader.number(at + "backlog_share", 0.0, 0.0, 1.0);
  options.pipeline.routes.push_back(route);
  std::vector<ExporterOptions>& exporters = options.exporters.emplace_back();
  for (size_t e = 0;; ++e) {
    const std::string exporter = at + "exporters[" + std::to_string(e) + "].";
    if (!reader.has(exporter + "type")) break;
    read_exporter(reader, exporter, exporters.emplace_back());
  }
  if (exporters.empty() || exporters.size() > kMostExporters) {
    reader.fail(at + "exporters",
                std::to_string(exporters.size()) + " exporters, where 1..8 are possible");
    exporters.resize(1);
  }
}

void check_names_and_shares(OptionReader& reader, const CollectorOptions& options) {
  const auto& routes = options.pipeline.routes;
  std::set<std::string> names;
  double shares = 0;
  for (size_t r = 0; r < routes.size(); ++r) {
    if (!names.insert(routes[r].name).second) {
      reader.fail(path_of(r) + "name", "'" + routes[r].name + "' is used twice");
    }
    shares += routes[r].backlog_share;
  }
  if (shares > 1.0 + 1e-9) reader.fail("routes", "their backlog_share sum up to more than 1");
  constexpr uint64_t kLeast = 64u << 10;
  for (size_t r = 0; r < routes.size(); ++r) {
    const uint64_t bytes = pipeline::route_backlog(options.pipeline, r).max_bytes;
    if (bytes < kLeast) {
      reader.fail(path_of(r) + "backlog_share",
                  "leaves it " + std::to_string(bytes) + " bytes of backlog.max_bytes, " +
                      std::to_string(options.pipeline.backlog_max_bytes) + "; it needs 65536");
    }
  }
}

// What two destinations cannot both be.
void check_exporters(OptionReader& reader, const CollectorOptions& options) {
  std::map<std::string, std::string> directories;
  std::string memory;
  for (const auto& route : options.exporters) {
    for (const ExporterOptions& exporter : route) {
      if (exporter.type == "file" && !exporter.directory.empty()) {
        // Files are named by service, instance and number: two writers would take the same names.
        std::filesystem::path directory =
            std::filesystem::path(exporter.directory).lexically_normal();
        if (!directory.has_filename()) directory = directory.parent_path();
        const auto [other, is_new] = directories.emplace(directory, exporter.path);
        if (!is_new) {
          reader.fail(exporter.path + "directory", "'" + exporter.directory + "' is also that of " +
                                                       other->second + "directory");
        }
      }
      if (exporter.type != "memory") continue;
      if (!memory.empty()) reader.fail(exporter.path + "type", "'memory', as " + memory + "type");
      memory = exporter.path;
    }
  }
}

}  // namespace

void read_routes(OptionReader& reader, CollectorOptions& options) {
  if (!reader.has("routes[0].name") && !reader.has("routes[0].exporters[0].type")) {
    options.exporters.resize(1);
    read_exporter(reader, "exporter.", options.exporters[0].emplace_back());
    return;
  }
  if (reader.has("exporter.type")) reader.fail("exporter.type", "is given together with routes");
  options.pipeline.routes.clear();
  for (size_t r = 0;
       reader.has(path_of(r) + "name") || reader.has(path_of(r) + "exporters[0].type"); ++r) {
    read_route(reader, options, r);
  }
  if (options.pipeline.routes.size() > account::kMaxRoutes) {
    reader.fail("routes", "there are more than 8");
  }
  check_names_and_shares(reader, options);
  check_exporters(reader, options);
}

bool CollectorOptions::has_memory_exporter() const noexcept {
  for (const auto& route : exporters) {
    for (const ExporterOptions& exporter : route) {
      if (exporter.type == "memory") return true;
    }
  }
  return false;
}

std::string CollectorOptions::directory() const {
  for (const auto& route : exporters) {
    for (const ExporterOptions& exporter : route) {
      if (!exporter.directory.empty()) return exporter.directory;
    }
  }
  return {};
}

}  // namespace forebay::engine
