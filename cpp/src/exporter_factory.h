// Makes the exporters that the options name.
#pragma once
#include <memory>
#include <vector>

#include "collector_options.h"
#include "pipeline/route.h"

namespace forebay::ship {
class MemoryExporter;
}

namespace forebay::engine {

struct MadeExporters {
  std::vector<pipeline::Route::Exporters> routes;
  ship::MemoryExporter* memory = nullptr;  // where one is that; owned by `routes`
};

// What the exporters themselves have to say about their options; the message begins with the path.
Status validate_exporters(const CollectorOptions& options);

// Opens no file and no connection: that comes with the first batch.
MadeExporters make_exporters(const CollectorOptions& options, const Clock& clock);

}  // namespace forebay::engine
