// Keeps what a simulated collector has to say about itself off stderr: nothing of it happened.
#pragma once

namespace forebay {

// While one lives, warn() and warn_once() of its thread say nothing, and keep nothing quiet either.
class Silence {
 public:
  Silence() noexcept { ++depth; }
  ~Silence() { --depth; }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  [[nodiscard]] static bool reigns() noexcept { return depth != 0; }

 private:
  static inline thread_local int depth = 0;
};

}  // namespace forebay
