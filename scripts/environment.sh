# Sourced by every script here: the project's root, one way of saying what is being done, and one way
# of compiling. Sets nothing that a caller has already set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
FOREBAY_ROOT=$PWD
venv=$FOREBAY_ROOT/.venv
cache=$FOREBAY_ROOT/.cache

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf 'forebay: %s\n' "$*" >&2; exit 1; }

# A clone at another path finds what this one compiled: paths under the root count as relative.
if command -v ccache >/dev/null 2>&1; then
  export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  export CCACHE_BASEDIR=${CCACHE_BASEDIR-$FOREBAY_ROOT} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR-1}
fi
