// The drain thread's look at how hard its lanes are pressed, and what it tells readers of the stats
// file about it.
#pragma once
#include <vector>

#include "account/ledger.h"
#include "base/clock.h"
#include "pipeline/lane.h"
#include "pipeline/pressure.h"

namespace forebay::pipeline {

// To be called before anything is drained: what emit met with is what counts.
void look_at_pressure(std::vector<Lane>& lanes, Pressure& pressure, account::Ledger& ledger,
                      MonotonicTime now);

}  // namespace forebay::pipeline
