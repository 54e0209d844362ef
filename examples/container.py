"""As in a small container: nothing can be written to, and there is no HOME. Records go to standard
error as JSON lines, as a container's log, and the ledger is in memory.

python examples/container.py
"""

from __future__ import annotations

import os
import subprocess
import sys

KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
SERVICE = """
import forebay
collector = forebay.start(service_name="shop", memory_limit=8 << 20)
forebay.get_logger("shop.orders").info("order placed", number=7)
collector.shutdown()
print(f"delivered {collector.stats().delivered}, balanced {collector.audit().balanced}")
"""


def main() -> None:
    # Where nobody can make anything, not even root.
    closed = dict.fromkeys(("HOME", "XDG_STATE_HOME", "FOREBAY_RUN_DIR"), "/dev/null/closed")
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", SERVICE],
        env={**kept, **closed},
        capture_output=True,
        text=True,
        check=True,
    )
    print(done.stderr, end="")
    print(done.stdout, end="")
    assert '"body":"order placed"' in done.stderr
    assert "delivered 1, balanced True" in done.stdout


if __name__ == "__main__":
    main()
