// spdlog's asynchronous logger with the same record: three arguments, one worker.
#pragma once
#include <cstddef>
#include <memory>

#include "subject.h"

namespace forebay::bench {

enum class WhenFull { kBlock, kOverwriteOldest };
// Of the worker: none (a null sink), or formatting and compressing, as Forebay's drain thread does.
enum class Work { kNone, kCompress };

// Null where the benchmark was built without spdlog.
std::unique_ptr<Subject> make_spdlog_subject(size_t queue_records, WhenFull when_full,
                                             Work work = Work::kNone);

}  // namespace forebay::bench
