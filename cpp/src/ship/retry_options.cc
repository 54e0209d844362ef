#include "ship/retry_options.h"

#include <string>
#include <string_view>

namespace forebay::ship {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

Status outside(std::string_view field, Duration value, std::string_view range) {
  return Status::invalid(std::string(field) + ": " + std::to_string(value.count()) +
                         " ns is not in " + std::string(range));
}

}  // namespace

Status RetryOptions::validate() const {
  if (initial < milliseconds{1} || initial > hours{1}) {
    return outside("retry.initial", initial, "1 ms..1 h");
  }
  if (max < initial || max > hours{24}) return outside("retry.max", max, "retry.initial..24 h");
  if (max_elapsed && *max_elapsed < Duration::zero()) {
    return outside("retry.max_elapsed", *max_elapsed, "0..");
  }
  return Status::ok();
}

Status BreakerOptions::validate() const {
  if (failures < 1 || failures > 1000) {
    return Status::invalid("breaker.failures: " + std::to_string(failures) + " is not in 1..1000");
  }
  if (open_initial < milliseconds{1} || open_initial > hours{1}) {
    return outside("breaker.open_initial", open_initial, "1 ms..1 h");
  }
  if (open_max < open_initial || open_max > hours{24}) {
    return outside("breaker.open_max", open_max, "breaker.open_initial..24 h");
  }
  return Status::ok();
}

}  // namespace forebay::ship
