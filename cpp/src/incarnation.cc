#include "incarnation.h"

#include <pthread.h>

#include <algorithm>
#include <new>

namespace forebay::engine {

constinit thread_local ThreadBinding* current_binding = nullptr;

ThreadBinding::ThreadBinding(Incarnation& of)
    : incarnation(&of),
      counters(of.pipeline->ledger().lease()),
      ticks(&of.pipeline->ticks()),
      recorder_trigger(of.recorder_trigger) {
  for (size_t lane = 0; lane < of.lanes.size(); ++lane) {
    ends[lane].queue = of.lanes[lane];
    ends[lane].largest_record = std::min(of.max_record_bytes, of.lanes[lane]->largest_record());
  }
}

metrics::Writer* ThreadBinding::need_metrics_writer() noexcept {
  if (metrics_writer == nullptr) {
    metrics_store = incarnation->pipeline->metrics_store();
    metrics_writer = metrics_store->writers().lease();
    if (metrics_writer != nullptr) metrics_phase = &metrics_store->phase();
  }
  return metrics_writer;
}

void ThreadBinding::give_back() noexcept {
  if (incarnation->is_abandoned.load(std::memory_order_acquire)) return;
  for (const LaneEnd& end : ends) {
    if (end.producer != nullptr) end.queue->detach(end.producer);
  }
  if (pipeline::FlightRecorder* recorder = incarnation->pipeline->recorder()) {
    recorder->detach(recorder_writer);
  }
  if (metrics_writer != nullptr) metrics_store->writers().give_back(metrics_writer);
  if (thread_gate != nullptr) incarnation->gate->give_back(thread_gate);
  incarnation->pipeline->ledger().give_back(counters);
}

namespace {

using ThreadBindings = std::vector<std::unique_ptr<ThreadBinding>>;

thread_local bool thread_has_exited = false;
thread_local ThreadBindings* bindings_of_thread = nullptr;

// All bindings of a thread go back when the thread ends.
void give_back_all(void* bindings) noexcept {
  const std::unique_ptr<ThreadBindings> all(static_cast<ThreadBindings*>(bindings));
  thread_has_exited = true;
  current_binding = nullptr;
  bindings_of_thread = nullptr;
  for (const auto& binding : *all) binding->give_back();
}

// A key of POSIX threads, and not a thread_local object with a destructor: to register one, glibc
// asks for memory, and ends the process where there is none.
ThreadBindings* remember_thread() {
  struct Key {
    pthread_key_t key{};
    bool is_good = pthread_key_create(&key, give_back_all) == 0;
  };
  static const Key at_exit;
  if (!at_exit.is_good) return nullptr;
  auto bindings = std::make_unique<ThreadBindings>();
  if (pthread_setspecific(at_exit.key, bindings.get()) != 0) return nullptr;
  return bindings_of_thread = bindings.release();
}

}  // namespace

ThreadBinding* bind_thread(Incarnation& incarnation) noexcept try {
  if (thread_has_exited) return nullptr;
  if (bindings_of_thread == nullptr && remember_thread() == nullptr) return nullptr;
  ThreadBindings& bindings = *bindings_of_thread;
  // What was bound to an incarnation that a fork left behind is forgotten.
  std::erase_if(bindings, [](const auto& binding) {
    return binding->incarnation->is_abandoned.load(std::memory_order_acquire);
  });
  for (const auto& binding : bindings) {
    if (binding->incarnation == &incarnation) return current_binding = binding.get();
  }
  bindings.reserve(bindings.size() + 1);
  bindings.push_back(std::make_unique<ThreadBinding>(incarnation));
  return current_binding = bindings.back().get();
} catch (const std::bad_alloc&) {
  return nullptr;
}

}  // namespace forebay::engine
