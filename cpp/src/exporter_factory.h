// Makes the exporter that the options name.
#pragma once
#include <memory>
#include <string>

#include "collector_options.h"
#include "ship/exporter.h"

namespace forebay::ship {
class MemoryExporter;
}

namespace forebay::engine {

struct MadeExporter {
  std::unique_ptr<ship::Exporter> exporter;
  ship::MemoryExporter* memory = nullptr;  // where it is that one; owned by `exporter`
};

// What the exporter itself has to say about its options; the message begins with "exporter.".
Status validate_exporter(const CollectorOptions& options);

// Opens no file and no connection: that comes with the first batch.
MadeExporter make_exporter(const CollectorOptions& options, const Clock& clock);

}  // namespace forebay::engine
