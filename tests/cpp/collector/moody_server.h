// An HTTP server on the loopback that takes some requests, refuses some and hangs up on some.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "encode/wire_reader.h"

namespace forebay {

class MoodyServer {
 public:
  explicit MoodyServer(uint64_t seed) : random_(seed) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, sizeof address) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no socket");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_loop(); });
  }
  ~MoodyServer() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }
  MoodyServer(const MoodyServer&) = delete;
  MoodyServer& operator=(const MoodyServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // From here on it takes everything.
  void be_kind() { kind_ = true; }
  // Records of all batches that it took, each batch once.
  [[nodiscard]] int64_t records() const {
    const std::lock_guard lock(mutex_);
    int64_t sum = 0;
    for (const auto& [id, records] : taken_) sum += records;
    return sum;
  }

 private:
  void accept_loop() {
    while (!stopping_) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  // One request after the other; the connection ends when it cannot be read or is not answered.
  void serve(int fd) {
    std::string input;
    while (answer_one(fd, input)) {
    }
    shutdown(fd, SHUT_RDWR);
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    close(fd);
  }

  bool answer_one(int fd, std::string& input) {
    size_t head = std::string::npos;
    while ((head = input.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(fd, input)) return false;
    }
    const std::string headers = input.substr(0, head + 2);
    const size_t length = std::stoul(header(headers, "content-length"));
    input.erase(0, head + 4);
    while (input.size() < length) {
      if (!read_more(fd, input)) return false;
    }
    const std::string body = input.substr(0, length);
    input.erase(0, length);
    return decide(fd, header(headers, "forebay-batch-id"), body);
  }

  bool decide(int fd, const std::string& id, const std::string& body) {
    uint64_t lot = 0;
    {
      const std::lock_guard lock(mutex_);
      lot = kind_ ? 0 : random_.below(10);
      if (lot <= 4 || lot == 5) taken_[id] = count(body);
    }
    const auto reply = [&](const std::string& status, const std::string& more = "") {
      const std::string text = "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + more + "\r\n";
      return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    };
    if (lot <= 4) return reply("200 OK");
    if (lot == 5) return false;  // took it, and says nothing
    if (lot == 6) return false;  // did not
    if (lot == 7) return reply("503 Service Unavailable");
    if (lot == 8) return reply("503 Service Unavailable", "Retry-After: 0\r\n");
    return reply("400 Bad Request");
  }

  static int64_t count(const std::string& request) {
    int64_t records = 0;
    for (const wire::Field& resource : wire::fields_of(request)) {
      for (const wire::Field& scope : wire::fields_of(resource.bytes)) {
        if (scope.number != 2) continue;
        for (const wire::Field& record : wire::fields_of(scope.bytes))
          records += record.number == 2;
      }
    }
    return records;
  }

  static bool read_more(int fd, std::string& input) {
    char buffer[65536];
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    input.append(buffer, static_cast<size_t>(got));
    return true;
  }

  static std::string header(const std::string& headers, const std::string& name) {
    size_t at = 0;
    while ((at = headers.find("\r\n", at)) != std::string::npos) {
      at += 2;
      if (strncasecmp(headers.c_str() + at, (name + ":").c_str(), name.size() + 1) != 0) continue;
      const size_t from = headers.find_first_not_of(' ', at + name.size() + 1);
      return headers.substr(from, headers.find("\r\n", from) - from);
    }
    return "0";
  }

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> kind_{false};
  std::thread acceptor_;
  mutable std::mutex mutex_;  // around the rest
  Random random_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::map<std::string, int64_t> taken_;
};

}  // namespace forebay
