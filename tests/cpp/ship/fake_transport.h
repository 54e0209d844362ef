// A transport whose answers a test gives.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/transport.h"

namespace forebay::ship::testing {

class FakeTransport final : public Transport {
 public:
  RequestId start(HttpRequest request) override {
    requests.push_back(std::move(request));
    return requests.size();
  }
  bool cancel(RequestId id) override {
    cancelled.push_back(id);
    return cancelled_may_have_arrived;
  }
  std::vector<Completion> poll(Duration) override { return std::exchange(done, {}); }
  void wake() noexcept override { ++wakes; }

  // The latest request is answered so.
  HttpResponse& answer(int status, std::string body = {},
                       std::string content_type = "application/x-protobuf") {
    return answer_to(requests.size(), status, std::move(body), std::move(content_type));
  }
  HttpResponse& answer_to(RequestId id, int status, std::string body = {},
                          std::string content_type = "application/x-protobuf") {
    Completion completion;
    completion.id = id;
    completion.response.outcome = HttpResponse::Outcome::kAnswered;
    completion.response.status = status;
    completion.response.body = std::move(body);
    completion.response.content_type = std::move(content_type);
    done.push_back(std::move(completion));
    return done.back().response;
  }
  void no_answer(HttpResponse::Outcome outcome) {
    answer(0).outcome = outcome;
    done.back().response.error = "broken";
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    std::string found;
    for (const auto& [n, value] : requests.back().headers) {
      if (n == name) found = found.empty() ? value : found + "|" + value;
    }
    return found;
  }

  std::vector<HttpRequest> requests;
  std::vector<RequestId> cancelled;
  std::vector<Completion> done;
  bool cancelled_may_have_arrived = true;
  int wakes = 0;
};

}  // namespace forebay::ship::testing
