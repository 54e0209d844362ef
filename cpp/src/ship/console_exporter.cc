#include "ship/console_exporter.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/diagnostics.h"

namespace forebay::ship {
namespace {

// A pipe that is ready takes this much without blocking (POSIX: PIPE_BUF), a terminal as well.
constexpr size_t kPiece = 4096;
// A descriptor that is not ready is looked at again this soon, so that a wake is not missed long.
constexpr Duration kLookInterval = std::chrono::milliseconds{20};

bool is_set(const char* variable) noexcept {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

bool wants_color(int fd) noexcept {
  const char* term = std::getenv("TERM");
  return is_terminal(fd) && !is_set("NO_COLOR") &&
         (term == nullptr || std::string_view(term) != "dumb");
}

bool is_ready(int fd, Duration wait) noexcept {
  pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  // An error shows when it is written to.
  return ::poll(&asked, 1, static_cast<int>(ms)) > 0;
}

// A write that raises no SIGPIPE, whatever the application did with that signal.
ssize_t write_quietly(int fd, ByteView bytes) noexcept {
  sigset_t pipe;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  const bool pending_already = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  const int error = errno;
  if (written < 0 && error == EPIPE && !pending_already) {
    const timespec at_once{};
    while (sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

// As many whole lines as fit in a piece, or a piece of a long line.
ByteView next_piece(ByteView rest) noexcept {
  if (rest.size() <= kPiece) return rest;
  const std::string_view head = as_text(rest.first(kPiece));
  const size_t line_end = head.rfind('\n');
  return rest.first(line_end == std::string_view::npos ? kPiece : line_end + 1);
}

}  // namespace

ConsoleExporter::ConsoleExporter(ConsoleFormat format, int fd)
    : fd_(fd),
      pretty_(format == ConsoleFormat::kPretty ||
              (format == ConsoleFormat::kAuto && is_terminal(fd))),
      text_(wants_color(fd)) {}

Status ConsoleExporter::show(const EncodedBatch& batch, ByteBuffer& output) {
  Result<Transcoder::Body> message = transcoder_.plain(batch);
  if (!message) return message.status();
  if (batch.signal == Signal::kMetrics) {
    return for_each_metric_point((*message)->view(), [&](const MetricPointView& point) {
      if (pretty_) {
        text_.append(point, output);
      } else {
        append_json_line(point, output);
      }
    });
  }
  return for_each_log_record((*message)->view(), [&](const LogRecordView& record) {
    if (pretty_) {
      text_.append(record, output);
    } else {
      append_json_line(record, output);
    }
  });
}

void ConsoleExporter::say_skipped(ByteBuffer& output) {
  if (skipped_ == 0) return;
  const std::string text =
      std::to_string(std::exchange(skipped_, 0)) +
      " records were delivered and not shown here: the console did not keep up";
  output.append(
      as_bytes(pretty_ ? "forebay: " + text + "\n"
                       : R"({"severity":"WARN","logger":"forebay","body":")" + text + "\"}\n"));
}

void ConsoleExporter::end(Attempt::Kind kind, std::string message) {
  Attempt attempt;
  attempt.batch = std::move(*batch_);
  batch_.reset();
  attempt.kind = kind;
  attempt.message = std::move(message);
  attempt.answered = kind == Attempt::Kind::kDelivered;
  ended_.push_back(std::move(attempt));
}

void ConsoleExporter::write_some() {
  for (;;) {
    if (!batch_) {
      if (waiting_.empty()) return;
      batch_ = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      output_.clear();
      written_ = 0;
      say_skipped(output_);
      if (Status status = show(*batch_, output_); !status) {
        end(Attempt::Kind::kFailed, status.message());
        continue;
      }
    }
    while (batch_ && !gone_ && written_ < output_.size()) {
      if (!is_ready(fd_, Duration::zero())) return;
      const ssize_t written = write_quietly(fd_, next_piece(output_.view().subspan(written_)));
      if (written >= 0) {
        written_ += static_cast<size_t>(written);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return;
      } else if (errno != EINTR) {
        gone_ = true;
        warn_once("console_gone", "the console cannot be written to any more: " +
                                      std::generic_category().message(errno));
      }
    }
    if (gone_) {
      end(Attempt::Kind::kRejected, "the console cannot be written to");
    } else {
      end(Attempt::Kind::kDelivered, {});
    }
  }
}

void ConsoleExporter::send(EncodedBatch batch, MonotonicTime /*now*/) {
  waiting_.push_back(std::move(batch));
  write_some();
}

std::vector<Attempt> ConsoleExporter::poll(Duration wait) {
  write_some();
  if (ended_.empty() && wait > Duration::zero()) {
    if (!batch_) {
      doorbell_.await(wait);
    } else if (is_ready(fd_, std::min(wait, kLookInterval))) {
      write_some();
    }
  }
  return std::exchange(ended_, {});
}

std::vector<Attempt> ConsoleExporter::cancel_all() {
  write_some();
  // Of the one being written the reader has seen something, or nothing at all.
  if (batch_) {
    end(written_ > 0 ? Attempt::Kind::kAmbiguous : Attempt::Kind::kRetry, "given up at shutdown");
  }
  while (!waiting_.empty()) {
    batch_ = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    end(Attempt::Kind::kRetry, "given up at shutdown");
  }
  return std::exchange(ended_, {});
}

}  // namespace forebay::ship
