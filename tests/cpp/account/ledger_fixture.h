// A ledger in memory, and its numbers by name.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "account/ledger.h"
#include "account/stats_image.h"

namespace forebay::account {

inline std::unique_ptr<Ledger> ledger_in_memory() {
  return Ledger::create(ledger_options(""), Clock::system());
}

inline std::map<std::string, int64_t> names_of(const Snapshot& snapshot) {
  std::map<std::string, int64_t> names;
  snapshot.visit([&](std::string_view name, int64_t value) {
    EXPECT_TRUE(names.emplace(name, value).second) << name << " was visited twice";
  });
  return names;
}

// What the sum law has too many (or too few), in the names under `prefix`.
inline int64_t sum_difference(const std::map<std::string, int64_t>& names,
                              const std::string& prefix) {
  int64_t difference =
      names.at(prefix + "emitted") + names.at(prefix + "internal") + names.at(prefix + "recovered");
  for (const char* name : {"delivered", "sampled_out", "rate_limited", "refused", "dropped",
                           "expired", "rejected", "unknown", "handed_over", "superseded", "held"}) {
    difference -= names.at(prefix + name);
  }
  return difference;
}

}  // namespace forebay::account
