#include "exporter_factory.h"

#include "ship/memory_exporter.h"
#include "ship/null_exporter.h"

namespace forebay::engine {

MadeExporter make_exporter(const CollectorOptions& options, const Clock& /*clock*/) {
  const ExporterOptions& exporter = options.exporter;
  if (exporter.type == "null") return {std::make_unique<ship::NullExporter>(exporter.codec)};
  auto memory = std::make_unique<ship::MemoryExporter>(exporter.max_bytes);
  ship::MemoryExporter* kept = memory.get();
  return {std::move(memory), kept};
}

}  // namespace forebay::engine
