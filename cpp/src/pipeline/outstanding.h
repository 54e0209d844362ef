// Which batches have not left yet, so that flush can wait for those that were there when it was
// called.
#pragma once
#include <cstdint>
#include <map>

namespace forebay::pipeline {

// Batches by their number; a batch that was split counts as several parts of one number. Not
// thread-safe: under the books' mutex.
class Outstanding {
 public:
  void add(uint64_t number, uint64_t parts = 1) { parts_[number] += parts; }
  void remove(uint64_t number) {
    const auto found = parts_.find(number);
    if (found != parts_.end() && --found->second == 0) parts_.erase(found);
  }
  // Whether none with that number or a lower one is left.
  [[nodiscard]] bool is_clear_to(uint64_t number) const {
    return parts_.empty() || parts_.begin()->first > number;
  }

 private:
  std::map<uint64_t, uint64_t> parts_;
};

}  // namespace forebay::pipeline
