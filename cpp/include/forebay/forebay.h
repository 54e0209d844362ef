// Forebay for C++20: header-only, over the C ABI of forebay/c_api.h.
//
// A program with a collector of its own links Forebay::forebay. Code that runs in somebody else's
// process (a Python extension module) takes Forebay::headers, and attaches (forebay/attach.h).
#pragma once
#include "forebay/attach.h"      // IWYU pragma: export
#include "forebay/c_api.h"       // IWYU pragma: export
#include "forebay/collector.h"   // IWYU pragma: export
#include "forebay/grant.h"       // IWYU pragma: export
#include "forebay/ledger.h"      // IWYU pragma: export
#include "forebay/logger.h"      // IWYU pragma: export
#include "forebay/metrics.h"     // IWYU pragma: export
#include "forebay/observable.h"  // IWYU pragma: export
#include "forebay/options.h"     // IWYU pragma: export
#include "forebay/outcome.h"     // IWYU pragma: export
#include "forebay/pressure.h"    // IWYU pragma: export
#include "forebay/value.h"       // IWYU pragma: export
