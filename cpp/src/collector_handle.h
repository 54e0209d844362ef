// What the C ABI's opaque handle of a collector is: the engine's object.
#pragma once
#include "collector.h"

struct forebay_collector {};

namespace forebay::engine {

[[nodiscard]] inline Collector* unwrap(forebay_collector* collector) noexcept {
  return reinterpret_cast<Collector*>(collector);
}
[[nodiscard]] inline forebay_collector* wrap(Collector* collector) noexcept {
  return reinterpret_cast<forebay_collector*>(collector);
}

}  // namespace forebay::engine
