// What another process sees of a ledger: the bytes of its file, and a step that was cut short made.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "account/ledger.h"
#include "account/stats_layout.h"

namespace forebay::account {

// A directory of its own for a test, removed at its end.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "forebay-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

inline LedgerOptions ledger_options(const std::string& directory) {
  LedgerOptions options;
  options.directory = directory;
  options.instance_id = "instance";
  options.service_name = "checkout";
  options.lanes = {"urgent", "normal"};
  options.routes = {"main"};
  options.in_memory = directory.empty();
  return options;
}

inline SeverityCounts counts(SeverityClass severity, uint64_t n) {
  SeverityCounts result;
  result[severity] = n;
  return result;
}

class StatsImage {
 public:
  explicit StatsImage(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (was_cut_short()) make_the_step();
  }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] const StatsHeader& header() const {
    return *reinterpret_cast<const StatsHeader*>(bytes_.data());
  }
  // A step was in the middle of being copied into the cells.
  [[nodiscard]] bool was_cut_short() const { return header().sequence % 2 == 1; }

  [[nodiscard]] uint64_t slot_row(uint64_t slot_offset, uint32_t lane, EmitName name) const {
    return row(slot_offset + uint64_t{lane} * header().slot_lane_bytes +
               static_cast<uint64_t>(name) * kRowBytes);
  }
  [[nodiscard]] uint64_t slot(uint32_t slot, uint32_t lane, EmitName name) const {
    const StatsHeader& h = header();
    return slot_row(h.groups_offset + (slot / h.slots_per_group) * h.group_bytes +
                        uint64_t{slot % h.slots_per_group} * h.slot_bytes,
                    lane, name);
  }
  [[nodiscard]] uint64_t emit(uint32_t lane, EmitName name) const {
    uint64_t sum = slot_row(header().shared_slot_offset, lane, name);
    for (uint32_t s = 0; s < header().groups * header().slots_per_group; ++s) {
      sum += slot(s, lane, name);
    }
    return sum;
  }
  [[nodiscard]] uint64_t intake(uint32_t lane, IntakeName name) const {
    return row(header().intake_offset + uint64_t{lane} * header().intake_lane_bytes +
               static_cast<uint64_t>(name) * kRowBytes);
  }
  [[nodiscard]] uint64_t route(uint32_t route, uint32_t lane, RouteName name) const {
    return row(route_lane(route, lane) + static_cast<uint64_t>(name) * kRowBytes);
  }
  [[nodiscard]] uint64_t place(uint32_t route, uint32_t lane, Place place) const {
    return row(route_lane(route, lane) + header().places_offset +
               static_cast<uint64_t>(place) * kRowBytes);
  }
  [[nodiscard]] uint64_t gauge(uint32_t lane, GaugeName name) const {
    uint64_t value = 0;
    std::memcpy(&value,
                bytes_.data() + header().gauges_offset +
                    uint64_t{lane} * header().gauge_lane_bytes + static_cast<size_t>(name) * 8,
                sizeof value);
    return value;
  }

 private:
  [[nodiscard]] uint64_t route_lane(uint32_t route, uint32_t lane) const {
    return header().route_offset + uint64_t{route} * header().route_bytes +
           uint64_t{lane} * header().route_lane_bytes;
  }
  [[nodiscard]] uint64_t row(uint64_t offset) const {
    SeverityCounts values;
    std::memcpy(values.by_class.data(), bytes_.data() + offset, kRowBytes);
    return values.total();
  }
  void make_the_step() {
    Journal journal;
    std::memcpy(&journal, bytes_.data() + header().journal_offset, sizeof(journal));
    for (uint64_t i = 0; i < journal.rows; ++i) {
      std::memcpy(bytes_.data() + journal.row[i].offset, journal.row[i].values.data(), kRowBytes);
    }
  }

  std::vector<char> bytes_;
};

}  // namespace forebay::account
