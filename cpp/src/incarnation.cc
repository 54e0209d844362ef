#include "incarnation.h"

#include <new>

namespace forebay::engine {

thread_local ThreadBinding* current_binding = nullptr;

void ThreadBinding::give_back() noexcept {
  if (incarnation->is_abandoned.load(std::memory_order_acquire)) return;
  for (size_t lane = 0; lane < producers.size(); ++lane) {
    if (producers[lane] != nullptr) incarnation->lanes[lane]->detach(producers[lane]);
  }
  if (pipeline::FlightRecorder* recorder = incarnation->pipeline->recorder()) {
    recorder->detach(recorder_writer);
  }
  if (thread_gate != nullptr) incarnation->gate->give_back(thread_gate);
  incarnation->pipeline->ledger().give_back(counters);
}

namespace {

thread_local bool thread_has_exited = false;

// All bindings of a thread; gives them back when the thread ends.
struct ThreadBindings {
  std::vector<std::unique_ptr<ThreadBinding>> all;
  ~ThreadBindings() {
    thread_has_exited = true;
    current_binding = nullptr;
    for (const auto& binding : all) binding->give_back();
  }
};

}  // namespace

ThreadBinding* bind_thread(Incarnation& incarnation) noexcept try {
  if (thread_has_exited) return nullptr;
  thread_local ThreadBindings bindings;
  // What was bound to an incarnation that a fork left behind is forgotten.
  std::erase_if(bindings.all, [](const auto& binding) {
    return binding->incarnation->is_abandoned.load(std::memory_order_acquire);
  });
  for (const auto& binding : bindings.all) {
    if (binding->incarnation == &incarnation) return current_binding = binding.get();
  }
  auto binding = std::make_unique<ThreadBinding>();
  binding->incarnation = &incarnation;
  binding->counters = incarnation.pipeline->ledger().lease();
  bindings.all.push_back(std::move(binding));
  return current_binding = bindings.all.back().get();
} catch (const std::bad_alloc&) {
  return nullptr;
}

}  // namespace forebay::engine
