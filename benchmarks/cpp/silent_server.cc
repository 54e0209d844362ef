#include "silent_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace forebay::bench {

SilentServer::SilentServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (socket_ < 0 || bind(socket_, generic, size) != 0 || listen(socket_, 64) != 0 ||
      getsockname(socket_, generic, &size) != 0) {
    return;
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

SilentServer::~SilentServer() {
  if (socket_ >= 0) close(socket_);
}

}  // namespace forebay::bench
