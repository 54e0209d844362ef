#include "ship/curl_transport.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/diagnostics.h"
#include "ship/curl_loop.h"
#include "ship/owned_sockets.h"

namespace forebay::ship {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
// How soon authorities that were renewed in place count, for new connections.
[[maybe_unused]] constexpr long kAuthoritiesKeptSeconds = 300;
constexpr size_t kMostHeaderBytes = 8192;  // of a header line that is looked at

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using List = std::unique_ptr<curl_slist, FreeList>;

// A socket that a program started by the application does not inherit.
curl_socket_t open_socket(void* /*user*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) remember_socket(fd);
  return fd;
}

// No user data: libcurl calls it for a kept connection when the request that opened it is long
// gone.
int close_socket(void* /*user*/, curl_socket_t fd) {
  forget_socket(fd);
  return ::close(fd);
}

bool header_is(std::string_view line, std::string_view name, std::string_view& value) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if ((line[i] | 0x20) != name[i] && line[i] != name[i]) return false;
  }
  value = line.substr(name.size() + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (static_cast<unsigned char>(value.back()) <= ' '))
    value.remove_suffix(1);
  return true;
}

class Transfer;
using OnEnd = std::function<void(Transfer&, CURLcode)>;

// One request under way. Never moves: libcurl holds its address.
class Transfer final : public CurlLoop::Request {
 public:
  Transfer(Transport::RequestId id, HttpRequest request, const OnEnd& on_end) noexcept
      : id_(id), request_(std::move(request)), on_end_(on_end) {}

  void ended(CURLcode result) override { on_end_(*this, result); }

  // None: no authorities; then only what needs none can be set up.
  [[nodiscard]] bool set_up(CURL* easy, const TlsOptions& tls,
                            const std::optional<Authorities>& authorities);
  // The answer, once libcurl is done with it.
  [[nodiscard]] HttpResponse response(CURLcode result);

  [[nodiscard]] Transport::RequestId id() const noexcept { return id_; }
  // Whether the destination may have got the request. A request is of no use to it without its
  // body, so what counts is whether libcurl ever took a byte of that to write it: this stays true
  // where libcurl writes to a dead connection, tries a new one by itself, and is refused there.
  [[nodiscard]] bool may_have_arrived() const noexcept { return body_taken_; }

  Easy easy;

 private:
  static size_t on_read(char* to, size_t size, size_t count, void* user) noexcept;
  static int on_seek(void* user, curl_off_t offset, int origin) noexcept;
  static size_t on_header(char* line, size_t size, size_t count, void* user) noexcept;
  static size_t on_body(char* data, size_t size, size_t count, void* user) noexcept;
  void header_line(std::string_view line);

  const Transport::RequestId id_;
  const HttpRequest request_;
  const OnEnd& on_end_;  // its transport's
  List headers_;
  size_t read_at_ = 0;
  bool body_taken_ = false;
  uint32_t resends_ = 0;
  bool headers_complete_ = false;
  bool body_too_long_ = false;
  HttpResponse response_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

size_t Transfer::on_read(char* to, size_t size, size_t count, void* user) noexcept {
  auto& self = *static_cast<Transfer*>(user);
  self.body_taken_ = true;
  if (!self.request_.body) return 0;
  const ByteView rest = self.request_.body->view().subspan(self.read_at_);
  const size_t taken = std::min(rest.size(), size * count);
  if (taken > 0) std::memcpy(to, rest.data(), taken);
  self.read_at_ += taken;
  return taken;
}

int Transfer::on_seek(void* user, curl_off_t offset, int origin) noexcept {
  auto& self = *static_cast<Transfer*>(user);
  const size_t size = self.request_.body ? self.request_.body->size() : 0;
  if (origin != SEEK_SET || offset < 0 || static_cast<size_t>(offset) > size) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  // libcurl only goes back to send anew what it had begun to send.
  if (self.body_taken_) ++self.resends_;
  self.read_at_ = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

void Transfer::header_line(std::string_view line) {
  std::string_view value;
  if (line.starts_with("HTTP/")) {
    // After a 100 Continue comes the real answer.
    response_.retry_after.clear();
    response_.content_type.clear();
    headers_complete_ = false;
  } else if (header_is(line, "retry-after", value)) {
    response_.retry_after = value;
  } else if (header_is(line, "content-type", value)) {
    response_.content_type = value;
  } else if (line == "\r\n" || line == "\n") {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    headers_complete_ = status >= 200;
  }
}

size_t Transfer::on_header(char* line, size_t size, size_t count, void* user) noexcept {
  try {
    static_cast<Transfer*>(user)->header_line({line, std::min(size * count, kMostHeaderBytes)});
  } catch (...) {
    return 0;  // no memory: libcurl ends the request
  }
  return size * count;
}

size_t Transfer::on_body(char* data, size_t size, size_t count, void* user) noexcept {
  auto& self = *static_cast<Transfer*>(user);
  const size_t room = CurlTransport::kMaxResponseBytes - self.response_.body.size();
  const size_t taken = std::min(room, size * count);
  try {
    self.response_.body.append(data, taken);
  } catch (...) {
    return 0;
  }
  // Less than was offered ends the transfer and closes the connection.
  self.body_too_long_ = taken < size * count;
  return taken;
}

bool Transfer::set_up(CURL* handle, const TlsOptions& tls,
                      const std::optional<Authorities>& authorities) {
  easy.reset(handle);
  if (!easy) return false;
  for (const auto& [name, value] : request_.headers) {
    // libcurl takes a header without a value only with a semicolon in place of the colon.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    (void)headers_.release();
    headers_.reset(longer);
  }
  // No waiting for a 100 Continue: most servers never send one.
  curl_slist* longer = curl_slist_append(headers_.get(), "Expect:");
  if (longer == nullptr) return false;
  (void)headers_.release();
  headers_.reset(longer);

  const auto timeout_ms = std::chrono::ceil<std::chrono::milliseconds>(request_.timeout).count();
  CURLcode bad = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (bad == CURLE_OK) bad = curl_easy_setopt(handle, option, value);
  };
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDSIZE_LARGE,
      static_cast<curl_off_t>(request_.body ? request_.body->size() : 0));
  set(CURLOPT_READFUNCTION, &Transfer::on_read);
  set(CURLOPT_READDATA, this);
  set(CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
  set(CURLOPT_SEEKDATA, this);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_ERRORBUFFER, error_.data());
  set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
  set(CURLOPT_PRIVATE, static_cast<CurlLoop::Request*>(this));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // A resolver that hangs must not hold up the end of the request, or of the process.
  set(CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  // Always both: what is not set here would be libcurl's default, and trusted as well.
  const auto path = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  const Authorities none;
  const Authorities& trusted = authorities ? *authorities : none;
  set(CURLOPT_CAINFO, path(trusted.file));
  set(CURLOPT_CAPATH, path(trusted.directory));
  set(CURLOPT_PROXY_CAINFO, path(trusted.file));
  set(CURLOPT_PROXY_CAPATH, path(trusted.directory));
#if LIBCURL_VERSION_NUM >= 0x075700
  set(CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesKeptSeconds);
#endif
  if (!tls.certificate_file.empty()) {
    set(CURLOPT_SSLCERT, tls.certificate_file.c_str());
    set(CURLOPT_SSLKEY, tls.key_file.c_str());
  }
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (bad != CURLE_OK) response_.error = curl_easy_strerror(bad);
  return bad == CURLE_OK;
}

HttpResponse Transfer::response(CURLcode result) {
  using Outcome = HttpResponse::Outcome;
  response_.resends = resends_;
  // Once the headers of an answer are whole, the destination has spoken, whatever became of the
  // body that it announced. Before that it has not, though libcurl may be content with half of
  // them.
  if (headers_complete_) {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.outcome = Outcome::kAnswered;
    response_.status = static_cast<int>(status);
    response_.body_truncated = body_too_long_ || result != CURLE_OK;
    return std::move(response_);
  }
  response_.outcome = body_taken_ ? Outcome::kNoAnswer : Outcome::kNotSent;
  response_.body.clear();
  if (result == CURLE_OK) {
    response_.error = "the answer ended within its headers";
  } else {
    response_.error = error_[0] != '\0' ? error_.data() : curl_easy_strerror(result);
  }
  return std::move(response_);
}

}  // namespace

Status TlsOptions::validate() const {
  if (certificate_file.empty() != key_file.empty()) {
    return Status::invalid(certificate_file.empty()
                               ? "tls.key_file: given without tls.certificate_file"
                               : "tls.certificate_file: given without tls.key_file");
  }
  const std::array<std::pair<const char*, const std::string*>, 3> files = {
      {{"tls.ca_file", &authorities.ca_file},
       {"tls.certificate_file", &certificate_file},
       {"tls.key_file", &key_file}}};
  for (const auto& [field, path] : files) {
    if (!path->empty() && ::access(path->c_str(), R_OK) != 0) {
      return Status::invalid(std::string(field) + ": \"" + *path + "\" cannot be read");
    }
  }
  return Status::ok();
}

struct CurlTransport::State {
  State(TlsOptions options, std::shared_ptr<CurlLoop> shared)
      : tls(std::move(options)),
        loop(std::move(shared)),
        on_end([this](auto& transfer, auto result) { end(transfer, result); }) {}
  ~State() {
    for (auto& [id, transfer] : transfers) loop->remove(transfer->easy.get());
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void refuse(RequestId id, std::string why);
  void end(Transfer& transfer, CURLcode result);

  const TlsOptions tls;
  std::optional<Authorities> authorities;  // once found, kept
  const std::shared_ptr<CurlLoop> loop;
  const OnEnd on_end;
  RequestId next_id = 1;
  std::unordered_map<RequestId, std::unique_ptr<Transfer>> transfers;
  std::vector<Completion> done;  // not handed out yet; also what could not even be started
};

void CurlTransport::State::refuse(RequestId id, std::string why) {
  Completion completion;
  completion.id = id;
  completion.response.error = std::move(why);
  done.push_back(std::move(completion));
}

void CurlTransport::State::end(Transfer& transfer, CURLcode result) {
  Completion completion;
  completion.id = transfer.id();
  completion.response = transfer.response(result);
  loop->remove(transfer.easy.get());
  transfers.erase(completion.id);
  done.push_back(std::move(completion));
}

CurlTransport::CurlTransport(TlsOptions tls, std::shared_ptr<CurlLoop> loop)
    : state_(std::make_unique<State>(std::move(tls),
                                     loop ? std::move(loop) : std::make_shared<CurlLoop>())) {}
CurlTransport::~CurlTransport() = default;

Transport::RequestId CurlTransport::start(HttpRequest request) {
  const RequestId id = state_->next_id++;
  if (!state_->loop->make_ready()) {
    state_->refuse(id, "libcurl has no memory for a handle");
    return id;
  }
  if (!state_->authorities) {
    state_->authorities = find_authorities_with_libcurl(state_->tls.authorities);
  }
  if (!state_->authorities && state_->tls.verify && request.url.starts_with("https:")) {
    warn("tls_no_ca", kNoAuthorities);
    state_->refuse(id, kNoAuthorities);
    return id;
  }
  auto transfer = std::make_unique<Transfer>(id, std::move(request), state_->on_end);
  if (!transfer->set_up(curl_easy_init(), state_->tls, state_->authorities)) {
    state_->refuse(id, "libcurl refused an option or a header");
    return id;
  }
  CURL* const easy = transfer->easy.get();
  const auto place = state_->transfers.emplace(id, std::move(transfer)).first;
  const CURLMcode added = state_->loop->add(easy);
  if (added != CURLM_OK) {
    state_->transfers.erase(place);
    state_->refuse(id, curl_multi_strerror(added));
  }
  return id;
}

bool CurlTransport::cancel(RequestId id) {
  const auto over = std::find_if(state_->done.begin(), state_->done.end(),
                                 [&](const Completion& c) { return c.id == id; });
  if (over != state_->done.end()) {
    const bool sent = over->response.outcome != HttpResponse::Outcome::kNotSent;
    state_->done.erase(over);
    return sent;
  }
  const auto found = state_->transfers.find(id);
  if (found == state_->transfers.end()) return false;
  const bool may_have_arrived = found->second->may_have_arrived();
  state_->loop->remove(found->second->easy.get());
  state_->transfers.erase(found);
  return may_have_arrived;
}

std::vector<Transport::Completion> CurlTransport::poll(Duration wait) {
  // Where another's request ended, its transport is to be polled now: no time to wait.
  const bool any_ended = state_->loop->run();
  if (!any_ended && state_->done.empty()) {
    state_->loop->await(wait);
    state_->loop->run();
  }
  return std::exchange(state_->done, {});
}

void CurlTransport::wake() noexcept { state_->loop->wake(); }
const void* CurlTransport::waits_on() const noexcept { return state_->loop.get(); }

}  // namespace forebay::ship
