// From the backlog to the destination: offers batches to the shipper, and writes down how they
// ended. Passive: the ship thread or a simulation calls step().
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pipeline/books.h"
#include "ship/shipper.h"

namespace forebay::pipeline {

class Delivery {
 public:
  Delivery(std::unique_ptr<ship::Exporter> exporter, const ship::RetryOptions& retry, Random random,
           Books& books, const Clock& clock);

  // One round; waits at most `wait` for the destination. True where room in the backlog became
  // free.
  bool step(Duration wait);
  // How long there is nothing to do but to wait for the destination or a wake(); at most `most`.
  [[nodiscard]] Duration idle_for(Duration most) const;
  // At the end: gives up on what is under way.
  void stop();
  [[nodiscard]] ship::Shipper& shipper() noexcept { return shipper_; }
  [[nodiscard]] const ship::Shipper& shipper() const noexcept { return shipper_; }

  // -- anyone --
  // Whether the destination has answered anything, ever; and what went wrong last. Whoever sees in
  // the books how a batch ended also sees these.
  [[nodiscard]] bool destination_answered() const noexcept {
    return destination_answered_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::string last_error() const;

 private:
  // What happened on the way, made known before the books tell how the batches ended.
  void make_known();

  Books& books_;
  const Clock& clock_;
  ship::Shipper shipper_;
  std::atomic<bool> destination_answered_{false};
  mutable std::mutex error_mutex_;
  std::string last_error_;
  ship::ShipEvents noted_;  // those that are in the books
};

}  // namespace forebay::pipeline
