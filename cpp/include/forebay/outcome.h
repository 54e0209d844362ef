// What the functions of this API answer. Nothing here throws.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "forebay/c_api.h"

// Code of these headers is compiled into each program and library that uses them, perhaps in
// different versions. What touches a module's own state is hidden, so that none uses another's.
#define FOREBAY_LOCAL __attribute__((visibility("hidden")))

namespace forebay {
inline namespace v1 {

// OpenTelemetry's severity numbers; the three between two names are finer grades of the lower one.
enum class Severity : uint32_t {
  kTrace = 1,
  kDebug = 5,
  kInfo = 9,
  kWarn = 13,
  kError = 17,
  kFatal = 21,
};

// What became of one record at the call. It may be ignored: whatever it says is in the ledger.
class Outcome {
 public:
  constexpr explicit Outcome(int32_t code) noexcept : code_(code) {}

  // The record is on its way.
  [[nodiscard]] constexpr bool is_accepted() const noexcept { return code_ == FOREBAY_ACCEPTED; }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return is_accepted(); }
  // Below the logger's level: not a record at all.
  [[nodiscard]] constexpr bool is_disabled() const noexcept { return code_ == FOREBAY_DISABLED; }
  [[nodiscard]] constexpr bool is_refused() const noexcept {
    return code_ >= FOREBAY_REFUSED_QUEUE_FULL && code_ < FOREBAY_DROPPED_QUEUE_FULL_NEWEST;
  }
  [[nodiscard]] constexpr bool is_dropped() const noexcept {
    return code_ >= FOREBAY_DROPPED_QUEUE_FULL_NEWEST;
  }
  // FOREBAY_ACCEPTED and so on (c_api.h).
  [[nodiscard]] constexpr int32_t code() const noexcept { return code_; }

  // The name under which the ledger counts it: "accepted" is still `held`.
  [[nodiscard]] constexpr std::string_view name() const noexcept {
    switch (code_) {
      case FOREBAY_ACCEPTED:
        return "accepted";
      case FOREBAY_DISABLED:
        return "disabled";
      case FOREBAY_SAMPLED_OUT:
        return "sampled_out";
      case FOREBAY_RATE_LIMITED:
        return "rate_limited";
      case FOREBAY_WOULD_BLOCK:
        return "would_block";
      case FOREBAY_REFUSED_QUEUE_FULL:
        return "refused.queue_full";
      case FOREBAY_REFUSED_BLOCK_TIMEOUT:
        return "refused.block_timeout";
      case FOREBAY_REFUSED_NOT_STARTED:
        return "refused.not_started";
      case FOREBAY_REFUSED_SHUTDOWN:
        return "refused.shutdown";
      case FOREBAY_REFUSED_REENTRANT:
        return "refused.reentrant";
      case FOREBAY_DROPPED_QUEUE_FULL_NEWEST:
        return "dropped.queue_full_newest";
      case FOREBAY_DROPPED_EARLY:
        return "dropped.early_drop";
      case FOREBAY_DROPPED_MEMORY:
        return "dropped.memory";
      case FOREBAY_DROPPED_ENCODE_ERROR:
        return "dropped.encode_error";
      default:
        return "unknown";
    }
  }

  friend constexpr bool operator==(Outcome, Outcome) noexcept = default;

 private:
  int32_t code_;
};

// Success, or what went wrong and a sentence about it.
class Status {
 public:
  enum class Code : uint8_t {
    kOk,
    kInvalid,       // an option; the message begins with its path
    kUnavailable,   // the system refused: memory, threads, files
    kNotLoaded,     // Forebay is not in this process
    kIncompatible,  // it is, but does not speak the ABI of these headers
    kTimedOut,
  };

  Status() noexcept = default;
  Status(Code code, std::string message) noexcept : code_(code), message_(std::move(message)) {}

  [[nodiscard]] bool is_ok() const noexcept { return code_ == Code::kOk; }
  [[nodiscard]] explicit operator bool() const noexcept { return is_ok(); }
  [[nodiscard]] Code code() const noexcept { return code_; }
  // Empty on success.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value, or the status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : value_(std::move(value)) {}          // NOLINT(google-explicit-*)
  Result(Status status) noexcept : status_(std::move(status)) {}  // NOLINT(google-explicit-*)

  [[nodiscard]] bool is_ok() const noexcept { return value_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return is_ok(); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] const std::string& message() const noexcept { return status_.message(); }

  // Only where is_ok().
  [[nodiscard]] T& operator*() noexcept { return *value_; }
  [[nodiscard]] const T& operator*() const noexcept { return *value_; }
  [[nodiscard]] T* operator->() noexcept { return &*value_; }
  [[nodiscard]] const T* operator->() const noexcept { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace v1
}  // namespace forebay
