// Bytes: views, and the buffer that encoders write into and keep.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace forebay {

using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A growing buffer that is written without being zeroed first and keeps its memory when cleared.
// Not thread-safe. Growth may throw std::bad_alloc; the writer of a record makes room first.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  // Holds just these bytes, with no room to spare.
  static ByteBuffer copy_of(ByteView bytes) {
    ByteBuffer copy;
    if (bytes.empty()) return copy;
    copy.data_.reset(static_cast<uint8_t*>(std::malloc(bytes.size())));
    if (!copy.data_) throw std::bad_alloc();
    std::memcpy(copy.data_.get(), bytes.data(), bytes.size());
    copy.size_ = copy.capacity_ = bytes.size();
    return copy;
  }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::move(other.data_)), size_(other.size_), capacity_(other.capacity_) {
    other.size_ = other.capacity_ = 0;
  }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  [[nodiscard]] uint8_t* data() noexcept { return data_.get(); }
  [[nodiscard]] const uint8_t* data() const noexcept { return data_.get(); }
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] ByteView view() const noexcept { return {data_.get(), size_}; }

  void clear() noexcept { size_ = 0; }
  void release() noexcept {
    data_.reset();
    size_ = capacity_ = 0;
  }
  // Makes room for `more` bytes and returns where they go; advance() makes them part of the buffer.
  uint8_t* reserve(size_t more) {
    if (capacity_ - size_ < more) grow(more);
    return data_.get() + size_;
  }
  void advance(size_t written) noexcept { size_ += written; }
  void append(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void append(std::string_view text) { append(as_bytes(text)); }
  void push_back(uint8_t byte) {
    *reserve(1) = byte;
    ++size_;
  }
  // Cuts back to `size` bytes, which must not be more than there are.
  void truncate(size_t size) noexcept { size_ = size; }

 private:
  struct Free {
    void operator()(uint8_t* p) const noexcept { std::free(p); }
  };
  void grow(size_t more) {
    size_t wanted = size_ + more;
    size_t capacity = capacity_ < 1024 ? 1024 : capacity_ + capacity_ / 2;
    if (capacity < wanted) capacity = wanted;
    auto* p = static_cast<uint8_t*>(std::realloc(data_.get(), capacity));
    if (p == nullptr) throw std::bad_alloc();
    (void)data_.release();
    data_.reset(p);
    capacity_ = capacity;
  }

  std::unique_ptr<uint8_t, Free> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace forebay
