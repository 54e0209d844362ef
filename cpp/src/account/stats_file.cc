#include "account/stats_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "account/dead_files.h"

namespace forebay::account {
namespace {

constexpr size_t kMostTextBytes = 200;
constexpr int kNamesToTry = 16;

size_t page_bytes() noexcept {
  const long bytes = ::sysconf(_SC_PAGESIZE);
  return bytes > 0 ? static_cast<size_t>(bytes) : 4096;
}

// Every table of texts, one after the other; see docs/ledger.md.
class TableWriter {
 public:
  template <typename Texts>
  void add(const Texts& texts) {
    number<uint32_t>(static_cast<uint32_t>(std::size(texts)));
    for (const std::string_view whole : texts) {
      const std::string_view text = whole.substr(0, kMostTextBytes);
      number<uint16_t>(static_cast<uint16_t>(text.size()));
      bytes_.append(text);
    }
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  template <typename Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  std::string bytes_;
};

std::string tables_of(const StatsFileOptions& options) {
  TableWriter writer;
  writer.add(std::vector<std::string>{options.instance_id, options.service_name});
  writer.add(kSeverityClassNames);
  writer.add(options.lanes);
  writer.add(options.routes);
  writer.add(kEmitNameTexts);
  writer.add(kIntakeNameTexts);
  writer.add(kRouteNameTexts);
  writer.add(kPlaceTexts);
  writer.add(kNoteTexts);
  writer.add(kGaugeTexts);
  return writer.bytes();
}

// An instance id may be the user's own text: it must not lead out of the directory, nor hide.
std::string file_stem(const std::string& instance_id) {
  std::string stem = instance_id.substr(0, kMostTextBytes);
  for (char& c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '_';
  }
  if (stem.empty() || stem.front() == '.') stem.insert(0, "_");
  return stem;
}

std::string absolute(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string result = resolved;
  std::free(resolved);
  return result;
}

// Zero or errno. A file size limit is looked at first: running into it raises SIGXFSZ, which ends
// a process that does not expect it.
int allocate(int fd, uint64_t offset, uint64_t bytes) noexcept {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      offset + bytes > limit.rlim_cur) {
    return EFBIG;
  }
  int error = EINTR;
  while (error == EINTR) {
    error = ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  }
  return error;
}

}  // namespace

StatsFile::StatsFile(const StatsFileOptions& options) : owner_(::getpid()) {
  const std::string tables = tables_of(options);
  layout_ =
      StatsLayout::of(options.lanes.size(), options.routes.size(), tables.size(), page_bytes());
  reserve(options.in_memory);
  if (!options.in_memory && !create_file(options)) {
    ::munmap(base_, layout_.most_bytes());
    reserve(true);
  }
  write_header(options, tables);
}

StatsFile::~StatsFile() {
  // A child that was not told to abandon has a hole here, where by now something else may lie.
  if (::getpid() == owner_ || replaced_) ::munmap(base_, layout_.most_bytes());
}

void StatsFile::reserve(bool usable) {
  void* memory = ::mmap(nullptr, layout_.most_bytes(), usable ? PROT_READ | PROT_WRITE : PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<uint8_t*>(memory);
  ::madvise(base_, layout_.most_bytes(), MADV_DONTFORK);
}

bool StatsFile::create_file(const StatsFileOptions& options) {
  const auto lives_in_memory = [this](const std::string& why) {
    warning_ = "the ledger is kept in memory only, and no other process can read it: " + why;
    return false;
  };
  Result<int> directory = open_run_directory(options.directory);
  if (!directory) return lives_in_memory(directory.status().message());

  const std::string stem = file_stem(options.instance_id);
  std::string name;
  int fd = -1;
  int error = EEXIST;
  // A user's own instance id may have been used by a process that died.
  for (int attempt = 0; attempt < kNamesToTry && fd < 0 && error == EEXIST; ++attempt) {
    name = stem + (attempt == 0 ? "" : "~" + std::to_string(attempt)) + ".forebay";
    fd = ::openat(*directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);
    error = fd < 0 ? errno : 0;
  }
  const std::string path = absolute(options.directory.path) + "/" + name;
  if (fd >= 0) {
    struct stat file {};
    error = ::fstat(fd, &file) == 0 ? extend(fd, 0, layout_.groups) : errno;
    device_ = file.st_dev;
    inode_ = file.st_ino;
    if (error != 0) ::unlinkat(*directory, name.c_str(), 0);
    ::close(fd);
  }
  // This one is not among them: a file without its header yet is let be.
  remove_dead_files(*directory, options.started);
  ::close(*directory);
  if (error != 0) return lives_in_memory(path + ": " + std::strerror(error));
  path_ = path;
  is_file_ = true;
  return true;
}

int StatsFile::extend(int fd, uint64_t offset, uint64_t bytes) noexcept {
  if (const int error = allocate(fd, offset, bytes); error != 0) return error;
  void* mapped = ::mmap(base_ + offset, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                        static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) return errno;
  ::madvise(mapped, bytes, MADV_DONTFORK);
  return 0;
}

void StatsFile::write_header(const StatsFileOptions& options, std::string_view tables) noexcept {
  std::memcpy(base_ + sizeof(StatsHeader), tables.data(), tables.size());
  StatsHeader& header = this->header();
  header.byte_order = kByteOrder;
  header.format_version = kFormatVersion;
  header.header_bytes = layout_.header_bytes;
  header.fixed_bytes = sizeof(StatsHeader);
  header.tables_offset = sizeof(StatsHeader);
  header.tables_bytes = static_cast<uint32_t>(tables.size());

  const ProcessIdentity self = ProcessIdentity::of_this_process();
  header.pid = self.pid;
  header.pid_namespace = self.pid_namespace;
  header.start_ticks = self.start_ticks;
  header.ticks_per_second = self.ticks_per_second;
  header.boot_id = self.boot_id;
  header.started_wall_ns = options.started.time_since_epoch().count();
  header.heartbeat_wall_ns = header.started_wall_ns;
  header.state = static_cast<uint32_t>(RunState::kRunning);

  header.intake_offset = layout_.intake;
  header.intake_lane_bytes = kIntakeLaneBytes;
  header.route_offset = layout_.route;
  header.route_bytes = layout_.lanes * kRouteLaneBytes;
  header.route_lane_bytes = kRouteLaneBytes;
  header.places_offset = kPlacesOffset;
  header.journal_offset = layout_.journal;
  header.journal_row_bytes = sizeof(JournalRow);
  header.journal_rows = kJournalRows;
  header.pending_offset = layout_.pending;
  header.pending_route_bytes = kPendingMoves * sizeof(PendingMove);
  header.pending_entry_bytes = sizeof(PendingMove);
  header.pending_entries = kPendingMoves;
  header.notes_offset = layout_.notes;
  header.note_cells = kNoteSlots;
  header.shared_slot_offset = layout_.shared_slot;
  header.slot_bytes = layout_.slot_bytes;
  header.slot_lane_bytes = kEmitLaneBytes;
  header.slots_per_group = kSlotsPerGroup;
  header.max_slots = kMaxSlots;
  header.groups_offset = layout_.groups;
  header.group_bytes = layout_.group_bytes;
  header.gauges_offset = layout_.gauges;
  header.gauge_lane_bytes = kGaugeLaneBytes;
  header.log_lanes = static_cast<uint32_t>(options.log_lanes);

  // A reader in another process sees the magic only after all of the above.
  std::atomic_signal_fence(std::memory_order_release);
  uint64_t magic = 0;
  std::memcpy(&magic, kStatsMagic.data(), sizeof(magic));
  cells(0)->store(magic, std::memory_order_release);
}

bool StatsFile::grow() noexcept {
  StatsHeader& header = this->header();
  const uint64_t groups = header.groups.load(std::memory_order_relaxed);
  if (groups * kSlotsPerGroup >= kMaxSlots) return false;
  if (is_file_) {
    const int fd = ::open(path_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat file {};
    const bool same = ::fstat(fd, &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
    const bool done =
        same && extend(fd, layout_.groups + groups * layout_.group_bytes, layout_.group_bytes) == 0;
    ::close(fd);
    if (!done) return false;
  }
  header.groups.store(groups + 1, std::memory_order_release);
  return true;
}

void StatsFile::abandon_in_child() noexcept {
  if (::getpid() == owner_ || replaced_) return;
  void* pages = ::mmap(base_, layout_.most_bytes(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (pages == base_) {
    replaced_ = true;
  } else if (pages != MAP_FAILED) {
    // Before Linux 4.17 the address is only a hint.
    ::munmap(pages, layout_.most_bytes());
  }
}

}  // namespace forebay::account
