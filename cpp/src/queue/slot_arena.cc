#include "queue/slot_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

namespace forebay::queue {

Result<std::unique_ptr<SlotArena>> SlotArena::create(uint32_t slots) {
  const size_t bytes = static_cast<size_t>(slots) * kSlotBytes;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return Status::unavailable("no address space for a lane of " + std::to_string(bytes) +
                               " bytes: " + std::strerror(errno));
  }
  // A huge page would make 2 MiB resident for the first record.
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  return std::unique_ptr<SlotArena>(new SlotArena(static_cast<uint8_t*>(memory), slots));
}

SlotArena::SlotArena(uint8_t* memory, uint32_t slots)
    : memory_(memory),
      slots_(slots),
      words_((slots + 63) / 64),
      free_(new std::atomic<uint64_t>[words_]),
      credits_(slots) {
  for (uint32_t i = 0; i < words_; ++i) free_[i].store(~uint64_t{0}, std::memory_order_relaxed);
  if (const uint32_t rest = slots % 64; rest != 0) {
    free_[words_ - 1].store((uint64_t{1} << rest) - 1, std::memory_order_relaxed);
  }
}

SlotArena::~SlotArena() { munmap(memory_, static_cast<size_t>(slots_) * kSlotBytes); }

void SlotArena::release_memory() noexcept {
  madvise(memory_, static_cast<size_t>(slots_) * kSlotBytes, MADV_DONTNEED);
}

uint32_t SlotArena::take_credits(uint32_t least, uint32_t most) noexcept {
  uint32_t there = credits_.load(std::memory_order_seq_cst);
  while (there >= least) {
    const uint32_t taken = std::min(there, most);
    if (credits_.compare_exchange_weak(there, there - taken, std::memory_order_seq_cst)) {
      return taken;
    }
  }
  return 0;
}

namespace {

// The longest stretch of set bits, cut to `most`.
struct Stretch {
  uint32_t first = 0;
  uint32_t length = 0;
};

Stretch longest_stretch(uint64_t bits, uint32_t most) noexcept {
  Stretch best;
  uint32_t base = 0;
  while (bits != 0 && best.length < most) {
    const auto skip = static_cast<uint32_t>(std::countr_zero(bits));
    bits >>= skip;
    base += skip;
    const auto length = static_cast<uint32_t>(std::countr_one(bits));
    if (length > best.length) best = {base, std::min(length, most)};
    if (length == 64) break;
    bits >>= length;
    base += length;
  }
  return best;
}

}  // namespace

bool SlotArena::take_from_word(uint32_t word, uint32_t least, uint32_t most, Run& run) noexcept {
  uint64_t bits = free_[word].load(std::memory_order_relaxed);
  while (bits != 0) {
    const Stretch found = longest_stretch(bits, most);
    if (found.length < least) return false;
    const uint64_t mask = (found.length == 64 ? ~uint64_t{0} : (uint64_t{1} << found.length) - 1)
                          << found.first;
    if (free_[word].compare_exchange_weak(bits, bits & ~mask, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      run = Run(word * 64 + found.first, found.length);
      return true;
    }
  }
  return false;
}

bool SlotArena::take_run(uint32_t least, uint32_t most, uint32_t& hint, Run& run) noexcept {
  most = std::min(most, kMaxRunSlots);
  const auto took = [&](uint32_t word) {
    hint = word;
    return true;
  };
  // The word used last, the word freed last, then those behind the one used last: first for a good
  // stretch, then for any. (From the word freed last on, a lane that fills would be looked through
  // from its beginning for each run.)
  const uint32_t good = std::max(least, std::min(most, 16u));
  if (hint < words_ && take_from_word(hint, good, most, run)) return took(hint);
  const uint32_t freed = freed_hint_.load(std::memory_order_relaxed);
  const uint32_t from = hint < words_ ? hint : freed;
  for (const uint32_t wanted : {good, least}) {
    // Little is free, and the caller holds a part of it: hardly in one piece.
    if (wanted != least && room() < good) continue;
    if (take_from_word(freed, wanted, most, run)) return took(freed);
    for (uint32_t i = 1; i <= words_; ++i) {
      uint32_t word = from + i;
      if (word >= words_) word -= words_;
      if (take_from_word(word, wanted, most, run)) return took(word);
    }
    if (good == least) break;
  }
  return false;
}

void SlotArena::prefetch_next(uint32_t hint, uint32_t slots) const noexcept {
  uint32_t word = freed_hint_.load(std::memory_order_relaxed);
  uint64_t bits = free_[word].load(std::memory_order_relaxed);
  if (bits == 0) {
    word = hint + 1 < words_ ? hint + 1 : 0;
    bits = free_[word].load(std::memory_order_relaxed);
    if (bits == 0) return;
  }
  const uint32_t first = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
  for (uint32_t i = first; i < std::min(first + slots, slots_); ++i) prefetch_for_write(i);
}

void SlotArena::free(Run run) noexcept {
  const uint32_t slots = run.slots();
  const uint32_t word = run.first() / 64;
  const uint64_t mask = (slots == 64 ? ~uint64_t{0} : (uint64_t{1} << slots) - 1)
                        << (run.first() % 64);
  free_[word].fetch_or(mask, std::memory_order_release);
  freed_hint_.store(word, std::memory_order_relaxed);
}

}  // namespace forebay::queue
