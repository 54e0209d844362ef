// The two halves of a batch; a test fails where there are none.
#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "ship/split.h"

namespace forebay::ship::testing {

inline std::vector<EncodedBatch> split_or_fail(const EncodedBatch& batch) {
  Transcoder transcoder;
  Result<std::vector<EncodedBatch>> halves = split(batch, transcoder);
  EXPECT_TRUE(halves.is_ok()) << halves.status().message();
  return halves ? halves.take() : std::vector<EncodedBatch>{};
}

}  // namespace forebay::ship::testing
