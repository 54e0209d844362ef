// Records that Forebay makes itself: gap records, summaries of a limit, remainders of a sampling
// weight.
//
// They never pass a queue: the drain thread encodes them straight into the batch that is being
// built in a lane, and from there on they are records like any other. Each has the attribute
// `forebay.internal`, which says of which kind it is.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/encoded_batch.h"
#include "encode/otlp_logs.h"
#include "model/severity.h"
#include "model/value.h"

namespace forebay::pipeline {

// The id of the scope "forebay".
uint32_t internal_scope();

struct InternalRecord {
  uint32_t severity = model::kInfo;  // 0..24; its text is the standard one
  uint32_t scope = internal_scope();
  std::string_view kind;                          // of kInternalKey: "gap", "suppressed" …
  std::string body;                               // empty: none
  std::vector<model::OwnedAttribute> attributes;  // besides kInternalKey
  WallTime time{};                                // zero: the moment at which it is added
  // How many emitted records it stands for: of a remainder its adjusted count, of the others none.
  uint64_t represents = 0;
};

// Where a source puts its records.
class InternalSink {
 public:
  // False: not taken and not counted, for want of memory or because the lane's batches wait for
  // room; the source keeps what it had to tell until it is asked again.
  virtual bool add_internal(size_t lane, const InternalRecord& record) = 0;

 protected:
  ~InternalSink() = default;
};

// Who has something to tell now and then. Asked by the drain thread, between two drainings; it must
// be quick, and must not emit.
class InternalSource {
 public:
  virtual ~InternalSource() = default;
  // A flush, or the end, begins: what there is now must be told in its first round. (A source that
  // tells in each of them would tell of a flood again and again.)
  virtual void begin_flush() noexcept {}
  // Once an interval, and with `final` in each round of a flush or shutdown: then all that there is
  // must be told. What it adds is in the batches that this flush waits for.
  virtual void collect(MonotonicTime now, bool final, InternalSink& sink) = 0;
};

// Appends the record to `out` as LogEncoder::append_record does. `scratch` is overwritten. Throws
// only std::bad_alloc, and then leaves `out` as it was.
void append_internal(const InternalRecord& record, WallTime now, encode::LogEncoder& encoder,
                     ByteBuffer& scratch, ByteBuffer& out);

}  // namespace forebay::pipeline
