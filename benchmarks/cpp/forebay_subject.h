// Forebay through its C ABI: a collector of one lane.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forebay_caller.h"
#include "subject.h"

namespace forebay::bench {

// Options by path, as text, int64 and double.
struct CollectorOptions {
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, int64_t>> numbers;
  std::vector<std::pair<std::string, double>> fractions{};
};

class ForebaySubject final : public Subject {
 public:
  // Null where the collector refused its options; the reason goes to `error`. Its logger takes
  // records from `min_severity` on; they are INFO (9).
  static std::unique_ptr<ForebaySubject> create(const CollectorOptions& options, std::string& error,
                                                uint32_t min_severity = 9);
  ~ForebaySubject() override;
  ForebaySubject(const ForebaySubject&) = delete;
  ForebaySubject& operator=(const ForebaySubject&) = delete;

  size_t emit(size_t count) override { return caller_.emit(count); }
  void emit_timed(std::span<uint64_t> ticks_taken) override { caller_.emit_timed(ticks_taken); }
  bool settle() override;
  [[nodiscard]] uint64_t lost() const override;

  // One number of the ledger, by its name; 0 for a name that is not there.
  [[nodiscard]] int64_t number(std::string_view name) const;
  // All numbers whose name begins with `prefix`, in sum.
  [[nodiscard]] int64_t sum_of(std::string_view prefix) const;
  // Waits until everything has been acknowledged. False after 60 s.
  bool flush();

 private:
  ForebaySubject(Caller caller, forebay_collector* collector)
      : caller_(caller), collector_(collector) {}

  Caller caller_;
  forebay_collector* collector_;
};

// A lane of `queue_records` with the policy `on_full`, batches of 8,192, zstd level 1, and a
// destination that acknowledges everything and keeps nothing.
CollectorOptions to_nowhere(int64_t queue_records, std::string_view on_full);
// The same, but the destination never answers, its backlog is as small as is allowed, and the queue
// is left alone when the backlog is full.
CollectorOptions to_silence(const std::string& url, int64_t queue_records,
                            std::string_view on_full);

}  // namespace forebay::bench
