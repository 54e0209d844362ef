// A destination that lets itself be connected to and never answers.
#pragma once
#include <string>

namespace forebay::bench {

class SilentServer {
 public:
  // Listens on a free port of 127.0.0.1; the kernel takes connections, nobody reads them.
  SilentServer();
  ~SilentServer();
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  // "http://127.0.0.1:<port>"; empty where the system refused a socket.
  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  int socket_ = -1;
  std::string url_;
};

}  // namespace forebay::bench
