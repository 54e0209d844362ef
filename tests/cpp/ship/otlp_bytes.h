// Builds OTLP messages by hand, with field numbers taken from the specification, so that what is
// tested is not what built the input.
#pragma once
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/encoded_batch.h"

namespace forebay::ship::testing {

class Message {
 public:
  Message& varint(uint32_t field, uint64_t value) {
    tag(field, 0);
    raw_varint(value);
    return *this;
  }
  Message& fixed64(uint32_t field, uint64_t value) {
    tag(field, 1);
    for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Message& number(uint32_t field, double value) {
    return fixed64(field, std::bit_cast<uint64_t>(value));
  }
  Message& fixed32(uint32_t field, uint32_t value) {
    tag(field, 5);
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Message& text(uint32_t field, const std::string& value) {
    tag(field, 2);
    raw_varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(uint32_t field, const Message& value) { return text(field, value.bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void tag(uint32_t field, uint32_t wire) { raw_varint((uint64_t{field} << 3) | wire); }
  void raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

inline Message any_text(const std::string& value) { return Message().text(1, value); }
inline Message key_value(const std::string& key, const Message& value) {
  return Message().text(1, key).message(2, value);
}
// `severity` 0 is left out, as encoders do.
inline Message log_record(uint32_t severity, const std::string& body) {
  Message record;
  record.fixed64(1, 1'800'000'000'123'456'789);
  if (severity != 0) record.varint(2, severity);
  return record.message(5, any_text(body));
}

// One resource (service.name), one scope, and in it these records.
inline std::string log_request(const std::vector<Message>& records,
                               const std::string& scope = "test.scope") {
  Message scope_logs;
  scope_logs.message(1, Message().text(1, scope));
  for (const Message& record : records) scope_logs.message(2, record);
  Message resource;
  resource.message(1, key_value("service.name", any_text("checkout")));
  return Message()
      .message(1, Message().message(1, resource).message(2, scope_logs).text(3, "schema"))
      .bytes();
}

inline std::shared_ptr<const ByteBuffer> in_codec(const std::string& message, Codec codec) {
  Compressor compressor;
  ByteBuffer bytes;
  if (!compressor.compress(codec, 0, as_bytes(message), bytes)) return nullptr;
  return std::make_shared<ByteBuffer>(std::move(bytes));
}

inline std::string plain_text(const EncodedBatch& batch) {
  Decompressor decompressor;
  ByteBuffer bytes;
  if (!decompressor.decompress(batch.codec, batch.body->view(), 1u << 28, bytes)) return "CORRUPT";
  return std::string(as_text(bytes.view()));
}

// A batch of log records with these severities; the bodies are "r0", "r1" …
inline EncodedBatch log_batch(std::string id, const std::vector<uint32_t>& severities,
                              Codec codec = Codec::kZstd) {
  EncodedBatch batch;
  std::vector<Message> records;
  for (size_t i = 0; i < severities.size(); ++i) {
    records.push_back(log_record(severities[i], "r" + std::to_string(i)));
    ++batch.counts[severity_class(severities[i])];
  }
  const std::string request = log_request(records);
  batch.id = std::move(id);
  batch.codec = codec;
  batch.raw_bytes = request.size();
  batch.body = in_codec(request, codec);
  return batch;
}

inline EncodedBatch info_batch(std::string id, size_t records = 10, Codec codec = Codec::kZstd) {
  return log_batch(std::move(id), std::vector<uint32_t>(records, 9), codec);
}

}  // namespace forebay::ship::testing
