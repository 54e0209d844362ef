#include "failing_memory.h"

#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#define FOREBAY_SCARCE_NEW_ONLY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FOREBAY_SCARCE_NEW_ONLY
#endif
#endif

namespace forebay::scarce {
namespace {

std::atomic<Who> who{Who::kNobody};
std::atomic<uint64_t> seen{0};
std::atomic<uint64_t> failed{0};
std::atomic<uint64_t> first_failing{0};
std::atomic<uint64_t> failing{0};

thread_local bool is_caller = false;
thread_local bool is_worker = false;
thread_local int exempt = 0;

// The threads are named by their creator, a little after they began.
bool is_a_worker() noexcept {
  if (is_worker) return true;
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  is_worker = std::strncmp(name, "forebay-", 8) == 0;
  return is_worker;
}

}  // namespace

bool fails_now() noexcept {
  const Who whose = who.load(std::memory_order_relaxed);
  if (whose == Who::kNobody || exempt != 0) return false;
  if (whose == Who::kCaller ? !is_caller : is_caller || !is_a_worker()) return false;
  const uint64_t number = seen.fetch_add(1) + 1;
  const uint64_t first = first_failing.load();
  if (number < first || number - first >= failing.load()) return false;
  failed.fetch_add(1);
  return true;
}

void arm(Who whose, uint64_t first, uint64_t count) noexcept {
  is_caller = true;
  seen = 0;
  failed = 0;
  first_failing = first;
  failing = count;
  who = whose;
}

uint64_t disarm() noexcept {
  who = Who::kNobody;
  return failed;
}

Exempt::Exempt() noexcept { ++exempt; }
Exempt::~Exempt() { --exempt; }

}  // namespace forebay::scarce

#ifdef FOREBAY_SCARCE_NEW_ONLY

void* operator new(size_t size) {
  void* p = forebay::scarce::fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return forebay::scarce::fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t /*size*/) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t& /*tag*/) noexcept { std::free(p); }

#else

extern "C" {

// What glibc's own malloc is called besides.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* p, size_t size);

void* malloc(size_t size) noexcept {
  if (!forebay::scarce::fails_now()) return __libc_malloc(size);
  errno = ENOMEM;
  return nullptr;
}

void* calloc(size_t count, size_t size) noexcept {
  if (!forebay::scarce::fails_now()) return __libc_calloc(count, size);
  errno = ENOMEM;
  return nullptr;
}

void* realloc(void* p, size_t size) noexcept {
  if (!forebay::scarce::fails_now()) return __libc_realloc(p, size);
  errno = ENOMEM;
  return nullptr;
}
}

#endif
