// Writes a process's series into a file of its own, again and again: so that whichever process of a
// service is scraped can show them all, those of one that is stuck or was killed included.
//
// The file is `<service>.<pid>.<instance id>.om` in the directory. Its first line says whose it is
// (docs/options.md has it), the rest is the OpenMetrics text. It is written beside its place and
// moved there, so a reader finds the whole of one publication. A thread of its own does so: a slow
// disk holds up neither the drain thread nor the application.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "account/process_identity.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"

namespace forebay::engine {

struct PublicationOptions {
  std::string directory;  // empty: nothing is published
  // From the beginning of one publication to that of the next. Unit: ns, 10 ms..1 day.
  Duration interval = std::chrono::seconds{5};
};

class MetricsPublisher {
 public:
  // Asks the callbacks of observable instruments, and waits for them, that long at most.
  using CallbackAsker = std::function<void(Duration longest)>;
  // Appends all series; false where they cannot be had just now.
  using TextWriter = std::function<bool(ByteBuffer& out)>;
  // Told after each publication that failed.
  using FailureListener = std::function<void()>;

  MetricsPublisher(PublicationOptions options, const std::string& service, std::string instance_id,
                   CallbackAsker ask_callbacks, TextWriter write_text, FailureListener on_failure,
                   FileSystem& files = FileSystem::system());
  // In a forked child the object is leaked instead, as all of its incarnation.
  ~MetricsPublisher();
  MetricsPublisher(const MetricsPublisher&) = delete;
  MetricsPublisher& operator=(const MetricsPublisher&) = delete;

  // Starts the thread. kUnavailable where the system gives none.
  Status start();
  // Writes the file now, on the calling thread: any. A failure is said on stderr, once a minute at
  // most, and what was published before stays. After end() it does nothing. It waits for callbacks
  // as long as they have; the thread meanwhile publishes without them.
  Status publish() noexcept;
  // Stops the thread, and publishes the last numbers, which the file says of itself. Once.
  void end() noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  void run() noexcept;
  Status publish_within(Duration callbacks) noexcept;
  Status write(bool is_last);
  [[nodiscard]] std::string first_line(bool is_last);

  const PublicationOptions options_;
  const std::string instance_id_;
  const std::string path_;
  const CallbackAsker ask_callbacks_;
  const TextWriter write_text_;
  const FailureListener on_failure_;
  FileSystem& files_;

  std::mutex writing_;  // one publication at a time
  std::optional<account::ProcessIdentity> identity_;
  bool has_ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace forebay::engine
