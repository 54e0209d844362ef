// A request in protobuf as Forebay writes it in JSON; "ERROR" where it refuses.
#pragma once
#include <string>

#include "ship/otlp_json.h"

namespace forebay::ship::testing {

inline std::string json_of(const std::string& message, Signal signal = Signal::kLogs) {
  OtlpJsonWriter writer;
  ByteBuffer output;
  const Status status = writer.write(signal, as_bytes(message), output);
  return status ? std::string(as_text(output.view())) : "ERROR";
}

}  // namespace forebay::ship::testing
