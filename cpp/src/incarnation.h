// A collector's life in one process: its pipeline, and the threads bound to it.
#pragma once
#include <sys/types.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "account/thread_counters.h"
#include "admission_source.h"
#include "admit/gate.h"
#include "admit/redaction.h"
#include "admit/thread_gate.h"
#include "metrics_publisher.h"
#include "pipeline/pipeline.h"
#include "queue/lane_queue.h"

namespace forebay::ship {
class MemoryExporter;
}

namespace forebay::engine {

// Never freed: a thread that is about to emit may hold a pointer to it, and what is large in it is
// given back at shutdown. In a forked child the parent's incarnation is abandoned: nobody reads or
// writes it.
struct Incarnation {
  pid_t pid = 0;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  ship::MemoryExporter* memory_exporter = nullptr;
  std::vector<queue::LaneQueue*> lanes;
  std::unique_ptr<admit::Gate> gate;
  std::unique_ptr<AdmissionSource> admission_source;  // null: there are no rules
  const admit::Redaction* redaction = nullptr;        // null: there are no rules
  uint64_t max_record_bytes = 0;
  std::atomic<uint32_t>* metrics_phase = nullptr;  // of the metrics' store
  // A record of this severity number or above releases the flight recorder; 25: none does.
  uint32_t recorder_trigger = 25;
  std::string instance_id;
  model::Resource resource;                     // with the instance id
  std::unique_ptr<MetricsPublisher> publisher;  // null: nothing is published
  std::atomic<bool> is_abandoned{false};
  std::atomic<bool> is_ending{false};  // a shutdown has begun
};

// What a thread has of an incarnation: its counters, its ends of the lanes and its part of
// admission, made when it first needs them.
struct ThreadBinding {
  // Its end of a lane, with what each emit asks of the lane: no way through other objects to it.
  struct LaneEnd {
    queue::Producer* producer = nullptr;
    queue::LaneQueue* queue = nullptr;
    uint64_t largest_record = 0;  // unit: bytes; what is larger is cut
  };

  Incarnation* incarnation = nullptr;
  account::ThreadCounters counters;
  const TickSource* ticks = nullptr;
  admit::ThreadGate* thread_gate = nullptr;
  // What the record at hand was admitted by: of one whose Course says so.
  admit::QuickPermit quick_permit;
  // A record of this severity number or above releases the flight recorder.
  uint32_t recorder_trigger = 25;
  // Set while this thread is inside emit: a signal handler that logs would write into the same
  // slot.
  std::atomic<bool> is_inside{false};
  // What such a handler was refused, until the emit that it interrupted has counted it.
  std::atomic<bool> was_reentered{false};
  std::array<LaneEnd, account::kMaxLanes> ends{};
  std::array<std::array<std::atomic<uint32_t>, kSeverityClasses>, account::kMaxLanes> reentrant{};

  // What the last emit that was refused for want of room, or would have had to wait, found full:
  // lane and slots. No slots: there was none yet.
  uint32_t full_lane = 0;
  uint32_t full_slots = 0;
  // Made when the thread first records something.
  pipeline::FlightRecorder::Writer recorder_writer;
  // Made when the thread first measures something. The phase names the store: null until then.
  const std::atomic<uint32_t>* metrics_phase = nullptr;
  metrics::Writer* metrics_writer = nullptr;
  metrics::Store* metrics_store = nullptr;

  // May throw std::bad_alloc.
  explicit ThreadBinding(Incarnation& of);

  // Null where memory ran out.
  queue::Producer* producer(size_t lane) noexcept {
    if (ends[lane].producer == nullptr) [[unlikely]]
      ends[lane].producer = ends[lane].queue->attach();
    return ends[lane].producer;
  }
  // Null where memory ran out.
  admit::ThreadGate* gate() noexcept {
    if (thread_gate == nullptr) [[unlikely]]
      thread_gate = incarnation->gate->lease();
    return thread_gate;
  }
  // Null where memory ran out.
  metrics::Writer* need_metrics_writer() noexcept;
  void give_back() noexcept;
};

// The calling thread's binding to the incarnation that it emitted to last; null at first. Read on
// every emit; constinit, so that nobody asks whether it is initialized.
extern constinit thread_local ThreadBinding* current_binding;

// The calling thread's binding to that incarnation: found or made, and now the current one. Null
// where memory ran out, or the thread is so far in its exit that nothing can be remembered for it.
ThreadBinding* bind_thread(Incarnation& incarnation) noexcept;

}  // namespace forebay::engine
