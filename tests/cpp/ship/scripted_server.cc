#include "ship/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace forebay::ship::testing {
namespace {

// Reads more into `text`; false at the end.
bool read_more(int fd, std::string& text) {
  char buffer[16384];
  const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  text.append(buffer, static_cast<size_t>(got));
  return true;
}

bool write_all(int fd, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t sent = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

size_t content_length(const std::string& head) {
  const size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

}  // namespace

ScriptedServer::ScriptedServer(std::vector<Reply> replies)
    : replies_(replies.begin(), replies.end()) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

ScriptedServer::~ScriptedServer() {
  stop_listening();
  close_connections();
  for (std::thread& thread : threads_) thread.join();
}

std::string ScriptedServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<ScriptedServer::Request> ScriptedServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedServer::close_connections() {
  const std::lock_guard lock(mutex_);
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
}

void ScriptedServer::stop_listening() {
  ending_ = true;
  if (!acceptor_.joinable()) return;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
}

void ScriptedServer::accept_loop() {
  for (int connection = 1; !ending_; ++connection) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd, connection] { serve(fd, connection); });
  }
}

Reply ScriptedServer::next_reply() {
  const std::lock_guard lock(mutex_);
  if (replies_.empty()) return http(200);
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

bool ScriptedServer::reply(int fd, const Reply& reply) {
  if (reply.how == Reply::How::kReset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
  }
  if (!write_all(fd, reply.bytes)) return false;
  std::string ignored;
  if (reply.how == Reply::How::kStall) return read_more(fd, ignored);
  if (reply.how == Reply::How::kEndless) {
    const std::string zeros(65536, '\0');
    while (write_all(fd, zeros)) {
    }
    return false;
  }
  return reply.how == Reply::How::kBytes;
}

void ScriptedServer::serve(int fd, int connection) {
  std::string text;
  for (bool open = true; open;) {
    size_t head_end = text.find("\r\n\r\n");
    while (open && head_end == std::string::npos) {
      // What is no POST is no HTTP of ours: a TLS handshake, for one.
      open = read_more(fd, text) && text.front() == 'P';
      head_end = text.find("\r\n\r\n");
    }
    if (!open) break;
    const std::string head = text.substr(0, head_end + 4);
    const size_t length = content_length(head);
    while (open && text.size() < head.size() + length) open = read_more(fd, text);
    if (!open) break;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back({head, text.substr(head.size(), length), connection});
    }
    text.erase(0, head.size() + length);
    open = reply(fd, next_reply());
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

}  // namespace forebay::ship::testing
