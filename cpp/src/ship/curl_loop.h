// A libcurl multi handle that several transports share: whoever polls waits for the requests of
// all.
#pragma once
#include <curl/curl.h>

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "ship/doorbell.h"

namespace forebay::ship {

// One thread's, but for wake(). The handle is made by the first request, in the thread and the
// process that use it.
class CurlLoop {
 public:
  // Makes libcurl ready in this process, once. To be called first under a lock that is held across
  // every fork, not by a thread that a fork may catch within it. False: it cannot be used.
  static bool prepare_process();

  // Whose easy handle is in the loop, with this as its CURLOPT_PRIVATE.
  class Request {
   public:
    virtual ~Request() = default;
    // It is over. May take it out of the loop, and end this object.
    virtual void ended(CURLcode result) = 0;
  };

  // False where libcurl has no memory.
  bool make_ready();
  CURLMcode add(CURL* easy) { return curl_multi_add_handle(multi_, easy); }
  void remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }
  // Does what there is to do. True where a request ended, whosever.
  bool run();
  // Waits at most `wait` for something to do, or a wake(); takes no wake() where that is zero.
  void await(Duration wait);
  // From any thread. One that comes while nobody waits ends the next wait.
  void wake() noexcept;

 private:
  struct Free {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  // The handle is made by the polling thread while another may call wake().
  std::mutex mutex_;
  std::unique_ptr<CURLM, Free> owned_;
  CURLM* multi_ = nullptr;  // the same, for the polling thread
  Doorbell doorbell_;       // while there is no handle yet
};

}  // namespace forebay::ship
