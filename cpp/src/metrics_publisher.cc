#include "metrics_publisher.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "base/diagnostics.h"
#include "base/signals_blocked.h"

namespace forebay::engine {

MetricsPublisher::MetricsPublisher(PublicationOptions options, const std::string& service,
                                   std::string instance_id, CallbackAsker ask_callbacks,
                                   TextWriter write_text, FailureListener on_failure,
                                   FileSystem& files)
    : options_(std::move(options)),
      instance_id_(std::move(instance_id)),
      path_(options_.directory + "/" + safe_file_name(service) + "." + std::to_string(::getpid()) +
            "." + instance_id_ + ".om"),
      ask_callbacks_(std::move(ask_callbacks)),
      write_text_(std::move(write_text)),
      on_failure_(std::move(on_failure)),
      files_(files) {}

MetricsPublisher::~MetricsPublisher() { end(); }

Status MetricsPublisher::start() try {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "forebay-publish");
  return Status::ok();
} catch (const std::system_error& error) {
  return Status::unavailable(std::string("no thread: ") + error.what());
}

void MetricsPublisher::run() noexcept {
  auto next = std::chrono::steady_clock::now() + options_.interval;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_until(lock, next, [this] { return is_stopping_; })) return;
    }
    // What is counted must be in a file within the interval, also where a callback hangs: what it
    // observes later is in the next one.
    (void)publish_within(options_.interval / 2);
    // From beginning to beginning; what was missed is not made up for.
    const auto now = std::chrono::steady_clock::now();
    while (next <= now) next += options_.interval;
  }
}

Status MetricsPublisher::publish() noexcept { return publish_within(Duration::max()); }

Status MetricsPublisher::publish_within(Duration callbacks) noexcept {
  // Before the lock: others need not wait for callbacks that this one waits for.
  ask_callbacks_(callbacks);
  const std::lock_guard lock(writing_);
  if (has_ended_) return Status::ok();
  return write(false);
}

void MetricsPublisher::end() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(writing_);
  if (std::exchange(has_ended_, true)) return;
  (void)write(true);
}

// One line, so that a reader has all of it, or none: see docs/options.md.
std::string MetricsPublisher::first_line(bool is_last) {
  if (!identity_) identity_ = account::ProcessIdentity::of_this_process();
  const account::ProcessIdentity& self = *identity_;
  std::string boot_id;
  for (size_t i = 0; i < self.boot_id.size(); ++i) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", unsigned{self.boot_id[i]});
    if (i == 4 || i == 6 || i == 8 || i == 10) boot_id += '-';  // as the kernel writes it
    boot_id += digits.data();
  }
  const auto now = Clock::system().wall_now().time_since_epoch().count();
  return R"(# forebay {"format":1,"pid":)" + std::to_string(self.pid) + R"(,"start_ticks":)" +
         std::to_string(self.start_ticks) + R"(,"pid_namespace":)" +
         std::to_string(self.pid_namespace) + R"(,"boot_id":")" + boot_id + R"(","instance_id":")" +
         instance_id_ + R"(","interval_ns":)" + std::to_string(options_.interval.count()) +
         R"(,"written_unix_ns":)" + std::to_string(now) + R"(,"ended":)" +
         (is_last ? "true" : "false") + "}\n";
}

Status MetricsPublisher::write(bool is_last) try {
  const auto failed = [&](const Status& status) {
    warn("metrics_publish",
         "series are not published, what was published before stays: " + status.message());
    on_failure_();
    return status;
  };
  ByteBuffer text;
  text.append(first_line(is_last));
  if (!write_text_(text)) {
    return failed(Status::unavailable("a thread stands still in the middle of a measurement"));
  }
  if (Status made = files_.make_directories(options_.directory); !made) return failed(made);
  const std::string beside = path_ + ".tmp";
  Status status;
  {
    // What a failure left there is cut off by whoever made it, unless it could not.
    auto file = files_.open_append(beside);
    if (!file) return failed(file.status());
    if ((*file)->size() != 0) {
      (void)files_.remove(beside);
      return failed(Status::unavailable(beside + " was there; it is removed"));
    }
    status = (*file)->append(text.view());
  }
  if (status) status = files_.rename(beside, path_);
  if (status) return status;
  (void)files_.remove(beside);
  return failed(status);
} catch (const std::exception& error) {
  // std::bad_alloc, which leaves no room for a sentence of our own.
  warn("metrics_publish", error.what());
  on_failure_();
  return {StatusCode::kUnavailable, {}};
}

}  // namespace forebay::engine
