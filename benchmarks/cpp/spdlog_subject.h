// spdlog's asynchronous logger doing the same work: three arguments, one worker, a null sink.
#pragma once
#include <cstddef>
#include <memory>

#include "subject.h"

namespace forebay::bench {

enum class WhenFull { kBlock, kOverwriteOldest };

// Null where the benchmark was built without spdlog.
std::unique_ptr<Subject> make_spdlog_subject(size_t queue_records, WhenFull when_full);

}  // namespace forebay::bench
