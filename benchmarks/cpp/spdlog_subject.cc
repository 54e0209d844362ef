#include "spdlog_subject.h"

#if defined(FOREBAY_BENCH_HAS_SPDLOG)
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <zstd.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include "tick_timer.h"

namespace forebay::bench {
namespace {

// What Forebay's drain thread does, in spdlog's terms: a line of text from the pattern, lines
// compressed by zstd at level 1, a megabyte at a time. What is compressed goes nowhere.
class CompressingSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ~CompressingSink() override { ZSTD_freeCCtx(context_); }

 private:
  static constexpr size_t kBatchBytes = 1u << 20;

  void sink_it_(const spdlog::details::log_msg& message) override {
    formatter_->format(message, lines_);
    if (lines_.size() >= kBatchBytes) flush_();
  }
  void flush_() override {
    compressed_.resize(ZSTD_compressBound(lines_.size()));
    ZSTD_compressCCtx(context_, compressed_.data(), compressed_.size(), lines_.data(),
                      lines_.size(), 1);
    lines_.clear();
  }

  ZSTD_CCtx* context_ = ZSTD_createCCtx();
  spdlog::memory_buf_t lines_;
  std::string compressed_;
};

// The caller formats (as spdlog does by design), the worker hands to the sink. A null sink skips
// even the pattern, which is in spdlog's favour.
class SpdlogSubject final : public Subject {
 public:
  SpdlogSubject(size_t queue_records, WhenFull when_full, spdlog::sink_ptr sink)
      : pool_(std::make_shared<spdlog::details::thread_pool>(queue_records, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "bench", std::move(sink), pool_,
            when_full == WhenFull::kBlock ? spdlog::async_overflow_policy::block
                                          : spdlog::async_overflow_policy::overrun_oldest)) {}

  size_t emit(size_t count) override {
    for (size_t i = 0; i < count; ++i) emit_one(i);
    return count;
  }

  void emit_timed(std::span<uint64_t> ticks_taken) override {
    size_t number = 0;
    for (uint64_t& taken : ticks_taken) {
      const uint64_t begin = ticks();
      emit_one(number++);
      taken = ticks() - begin;
    }
  }

  bool settle() override {
    for (int tries = 0; tries < 100'000; ++tries) {
      if (pool_->queue_size() == 0) return true;
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
    return false;
  }

  [[nodiscard]] uint64_t lost() const override { return pool_->overrun_counter(); }

 private:
  void emit_one(size_t number) {
    logger_->info("request finished route={} status={} elapsed_ms={}", kRoute,
                  static_cast<int64_t>(number), static_cast<double>(number) * 0.25);
  }

  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::unique_ptr<Subject> make_spdlog_subject(size_t queue_records, WhenFull when_full, Work work) {
  spdlog::sink_ptr sink;
  if (work == Work::kNone) {
    sink = std::make_shared<spdlog::sinks::null_sink_mt>();
  } else {
    sink = std::make_shared<CompressingSink>();
  }
  return std::make_unique<SpdlogSubject>(queue_records, when_full, std::move(sink));
}

}  // namespace forebay::bench

#else

namespace forebay::bench {

std::unique_ptr<Subject> make_spdlog_subject(size_t, WhenFull, Work) { return nullptr; }

}  // namespace forebay::bench

#endif
