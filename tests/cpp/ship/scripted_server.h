// A real HTTP server on 127.0.0.1 that answers as a test scripts it, and can misbehave.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace forebay::ship::testing {

struct Reply {
  enum class How {
    kBytes,        // write `bytes`, keep the connection
    kBytesClose,   // write `bytes`, close
    kReset,        // close with RST, nothing written
    kStall,        // write `bytes`, then nothing until the server ends
    kCloseBefore,  // (asked before a request is read) close the idle connection
    kEndless,      // write `bytes`, then zeros until the client goes away
  };
  How how = How::kBytes;
  std::string bytes;
};

inline Reply http(int status, const std::string& body = {}, const std::string& headers = {}) {
  return {Reply::How::kBytes, "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                                  std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body};
}

class ScriptedServer {
 public:
  struct Request {
    std::string head;
    std::string body;
    int connection = 0;
  };

  // The n-th request gets the n-th reply; beyond them, 200.
  explicit ScriptedServer(std::vector<Reply> replies = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const { return port_; }
  // What has been read so far.
  std::vector<Request> requests();
  // Closes every open connection, as a server does with idle ones.
  void close_connections();
  // From now on nobody listens, so that new connections are refused.
  void stop_listening();

 private:
  void accept_loop();
  void serve(int fd, int connection);
  bool reply(int fd, const Reply& reply);
  Reply next_reply();

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;  // around the rest
  std::deque<Reply> replies_;
  std::vector<Request> requests_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace forebay::ship::testing
