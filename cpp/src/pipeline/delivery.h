// From the backlogs to the destinations: offers batches to each route's shippers, and writes down
// how they ended. Passive: the ship thread or a simulation calls step().
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pipeline/books.h"
#include "pipeline/export_tally.h"
#include "pipeline/health.h"
#include "pipeline/route.h"

namespace forebay::pipeline {

class Delivery {
 public:
  // `options` and `exporters` are one a route, in the order of the books.
  Delivery(const std::vector<RouteOptions>& options, std::vector<Route::Exporters> exporters,
           const ship::RetryOptions& retry, const ship::BreakerOptions& breaker, Random random,
           Books& books, const Clock& clock);

  // One round; waits at most `wait` for the destinations. True where room in a backlog became free.
  // `hurried`: see Route::choose().
  bool step(Duration wait, bool hurried = false);
  // How long there is nothing to do but to wait for the destinations or a wake(); at most `most`.
  [[nodiscard]] Duration idle_for(Duration most, bool hurried = false) const;
  // Flush and shutdown try at once, whatever the backoffs say.
  void retry_now() noexcept;
  // After a step that ran out of memory, and so lost sight of what is under way: forgets it all,
  // and has it sent again.
  void start_over();
  // At the end: gives up on what is under way.
  void stop();

  // -- anyone --
  // Ends a step() that waits.
  void wake() noexcept;
  // Whether any destination has answered anything, ever; and what went wrong last. Whoever sees in
  // the books how a batch ended also sees these.
  [[nodiscard]] bool destination_answered() const noexcept {
    return destination_answered_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::string last_error() const;
  // "routes.<route>.destinations.<i>.delivered" (records), ".failures_in_a_row", ".under_way"
  // (batches), ".answered" (0 or 1).
  void visit(const std::function<void(std::string_view name, int64_t value)>& visitor) const;
  // Fills in the destinations and the routes.
  void look(Health& health) const;

 private:
  // A destination's numbers, for anyone; written by the ship thread.
  struct Numbers {
    std::string prefix;
    std::atomic<uint64_t> delivered{0};
    std::atomic<uint64_t> failures_in_a_row{0};
    std::atomic<uint64_t> under_way{0};
    std::atomic<bool> answered{false};
    ExportTally exports;
  };
  struct Place {
    size_t route = 0;
    size_t destination = 0;
    std::unique_ptr<Numbers> numbers;
    ship::ShipEvents noted;  // those that are in the books
    std::string error;
  };

  void offer_all(bool hurried);
  // Polls one destination and settles what ended. True where something did.
  bool poll(Place& place, Duration wait, bool& freed);
  // The one to wait in, and how long at most.
  Place& waited_for(Duration& wait);
  // What happened on the way, made known before the books tell how the batches ended.
  void make_known(Place& place, const std::vector<ship::Settlement>& settlements);
  // Of the best of its destinations.
  [[nodiscard]] static ship::BreakerState breaker(const Route& route) noexcept;
  [[nodiscard]] const Route::Destination& at(const Place& place) const noexcept {
    return routes_[place.route].destinations()[place.destination];
  }

  Books& books_;
  const Clock& clock_;
  std::vector<Route> routes_;
  std::vector<Place> places_;   // every destination of every route
  MonotonicTime expired_at_{};  // when the backlogs were last looked through for what is too old
  Duration slice_{};            // of a wait for destinations that cannot be waited for together
  std::atomic<bool> destination_answered_{false};
  mutable std::mutex error_mutex_;
  std::string last_error_;
};

}  // namespace forebay::pipeline
