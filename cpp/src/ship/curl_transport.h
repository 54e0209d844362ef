// HTTP by libcurl's multi interface: several requests on one thread, which may wait for all of
// them at once and be woken.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/transport.h"
#include "ship/authorities.h"

namespace forebay::ship {

class CurlLoop;

struct TlsOptions {
  AuthoritySources authorities;  // looked through at each request until one is found
  std::string certificate_file;  // PEM, of the client; needs key_file
  std::string key_file;          // PEM
  bool verify = true;            // false: any certificate will do. For tests only.

  [[nodiscard]] Status validate() const;  // names the field and what is wrong with it
};

// The connection and its handles are made by the first start(), in the thread and the process that
// use them: a transport made before a fork holds nothing that the child could share.
//
// Redirects are not followed (headers may carry secrets). libcurl itself sends a request a second
// time where a kept connection turns out closed before any byte of an answer came; that is still
// one attempt, and `resends` in its response says so.
class CurlTransport final : public Transport {
 public:
  // Transports that are given the same loop are waited for together. None: one of its own.
  explicit CurlTransport(TlsOptions tls = {}, std::shared_ptr<CurlLoop> loop = nullptr);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  RequestId start(HttpRequest request) override;
  bool cancel(RequestId id) override;
  std::vector<Completion> poll(Duration wait) override;
  void wake() noexcept override;
  [[nodiscard]] const void* waits_on() const noexcept override;

  static constexpr size_t kMaxResponseBytes = 4u << 20;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::ship
