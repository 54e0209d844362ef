// Where in the source a call is.
#pragma once
#include <cstdint>
#include <version>
#if defined(__cpp_lib_source_location)
#include <source_location>
#endif

namespace forebay {
inline namespace v1 {

// std::source_location, which it takes, also for clang before 16: those have the built-in functions
// and not the class. Taken as a default argument, it names the place of the call.
class SourceLocation {
 public:
  constexpr SourceLocation() noexcept = default;  // unknown: line 0
#if defined(__cpp_lib_source_location)
  constexpr SourceLocation(const std::source_location& where) noexcept  // NOLINT(google-explicit-*)
      : file_(where.file_name()), function_(where.function_name()), line_(where.line()) {}
#endif
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          const char* function = __builtin_FUNCTION(),
                                          uint32_t line = __builtin_LINE()) noexcept {
    SourceLocation here;
    here.file_ = file;
    here.function_ = function;
    here.line_ = line;
    return here;
  }

  [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
  [[nodiscard]] constexpr const char* function_name() const noexcept { return function_; }
  [[nodiscard]] constexpr uint32_t line() const noexcept { return line_; }

 private:
  const char* file_ = "";
  const char* function_ = "";
  uint32_t line_ = 0;
};

}  // namespace v1
}  // namespace forebay
