// The memory that the counters lie in: a mapped file, or where that cannot be had, plain memory.
//
// The addresses of the whole file, all its emit slots included, are set aside at once, and the file
// grows into them a group of slots at a time. So a counter never moves. Room on the disk is
// allocated before it is mapped: a store to a page that the disk has no room for would be a SIGBUS.
//
// No descriptor is kept. A program that closes every descriptor it does not know (a daemon does)
// would leave us growing whatever file got the number next; so the file is opened anew each time it
// grows, and checked to be the same.
//
// A forked child has no mapping (MADV_DONTFORK): it cannot write to its parent's counters.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/process_identity.h"
#include "account/run_directory.h"
#include "account/stats_layout.h"
#include "base/clock.h"

namespace forebay::account {

struct StatsFileOptions {
  RunDirectory directory;
  bool in_memory = false;
  std::string instance_id;
  std::string service_name;
  std::vector<std::string> lanes;
  size_t log_lanes = 0;  // how many of them, from the first, carry log records
  std::vector<std::string> routes;
  WallTime started;
};

class StatsFile {
 public:
  // Throws std::bad_alloc where there is no memory at all; everything else is said in warning().
  explicit StatsFile(const StatsFileOptions& options);
  ~StatsFile();
  StatsFile(const StatsFile&) = delete;
  StatsFile& operator=(const StatsFile&) = delete;

  [[nodiscard]] StatsHeader& header() const noexcept {
    return *reinterpret_cast<StatsHeader*>(base_);
  }
  [[nodiscard]] const StatsLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] Cell* cells(uint64_t offset) const noexcept {
    return reinterpret_cast<Cell*>(base_ + offset);
  }
  [[nodiscard]] Journal& journal() const noexcept {
    return *reinterpret_cast<Journal*>(base_ + layout_.journal);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& warning() const noexcept { return warning_; }

  // Makes room for one more group of emit slots. False: there is none. One thread at a time.
  bool grow() noexcept;

  // In a forked child: see Ledger::abandon_in_child.
  void abandon_in_child() noexcept;

 private:
  // Sets the addresses aside. `usable`: as memory to be written to.
  void reserve(bool usable);
  bool create_file(const StatsFileOptions& options);
  // Allocates [offset, offset + bytes) of the file and maps it in its place. Zero or errno.
  int extend(int fd, uint64_t offset, uint64_t bytes) noexcept;
  void write_header(const StatsFileOptions& options, std::string_view tables) noexcept;

  StatsLayout layout_;
  uint8_t* base_ = nullptr;
  pid_t owner_ = 0;
  bool is_file_ = false;
  bool replaced_ = false;  // in a child: empty pages are there instead
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string path_;
  std::string warning_;
};

}  // namespace forebay::account
