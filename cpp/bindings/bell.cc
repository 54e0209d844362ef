#include "bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "core_api.h"

namespace py = pybind11;

namespace forebay_python {

Bell::Bell() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Bell::~Bell() { close(descriptor_); }

void Bell::ring(uint64_t number) noexcept try {
  const std::lock_guard lock(mutex_);
  rang_.push_back(number);
  if (rang_.size() == 1) wake();
} catch (const std::bad_alloc&) {
  // Whoever waits has a timeout, or looks again.
}

void Bell::wake() noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
}

std::vector<uint64_t> Bell::take() {
  const std::lock_guard lock(mutex_);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(descriptor_, &count, sizeof count);
  return std::exchange(rang_, {});
}

void register_bell(py::module_& module) {
  py::class_<Bell, std::shared_ptr<Bell>>(module, "Bell", py::is_final())
      .def(py::init<>())
      .def("fileno", &Bell::fileno)
      .def("take", [](Bell& bell) {
        py::list numbers;
        for (const uint64_t number : bell.take()) numbers.append(number);
        return numbers;
      });
}

}  // namespace forebay_python
