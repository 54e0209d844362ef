#include "ship/curl_loop.h"

#include <algorithm>
#include <cstdint>

namespace forebay::ship {
namespace {

constexpr int kLongestPollMs = 60'000;

}  // namespace

// libcurl 7.84 and later make this safe in any thread; never undone, since somebody else in the
// process may use libcurl too. A fork in the middle of it would leave the child with a static that
// is being initialised for ever: so it is done where no fork can come between (see the header).
bool CurlLoop::prepare_process() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

bool CurlLoop::make_ready() {
  if (multi_ != nullptr) return true;
  if (!prepare_process()) return false;
  std::unique_ptr<CURLM, Free> made(curl_multi_init());
  if (!made) return false;
  const std::lock_guard lock(mutex_);
  owned_ = std::move(made);
  multi_ = owned_.get();
  return true;
}

bool CurlLoop::run() {
  if (multi_ == nullptr) return false;
  int running = 0;
  curl_multi_perform(multi_, &running);
  bool any = false;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    // The message is gone once its handle leaves.
    const CURLcode result = message->data.result;
    Request* request = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
    request->ended(result);
    any = true;
  }
  return any;
}

void CurlLoop::await(Duration wait) {
  if (wait <= Duration::zero()) return;
  if (multi_ == nullptr) {
    doorbell_.await(wait);
    return;
  }
  const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::min<int64_t>(wait_ms, kLongestPollMs)),
                  nullptr);
}

void CurlLoop::wake() noexcept {
  const std::lock_guard lock(mutex_);
  if (owned_) {
    curl_multi_wakeup(owned_.get());
  } else {
    doorbell_.ring();
  }
}

}  // namespace forebay::ship
