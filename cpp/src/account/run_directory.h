// Where the stats files of a machine's processes lie, so that a reader finds them.
#pragma once
#include <string>

#include "base/status.h"

namespace forebay::account {

struct RunDirectory {
  std::string path;
  // Named by the user ($FOREBAY_RUN_DIR, an option): taken as it is. Otherwise it must be ours
  // alone, since under /tmp anybody may have made it first.
  bool chosen_by_user = false;

  // $FOREBAY_RUN_DIR, else $XDG_RUNTIME_DIR/forebay, else /tmp/forebay-<uid>.
  static RunDirectory by_default();
};

// Makes the directory (0700, its parents too) where it is not there, checks whose it is, and opens
// it. The descriptor is the caller's, and is not inherited by an exec.
Result<int> open_run_directory(const RunDirectory& directory);

}  // namespace forebay::account
