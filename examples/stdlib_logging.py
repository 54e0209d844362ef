"""A program that logs with the standard library, and needs one line.

    python examples/stdlib_logging.py
    python -m forebay tail

`extra` becomes attributes of any type, exceptions become exception.type, .message and .stacktrace,
and place and thread of the call become code.* and thread.*.
"""

from __future__ import annotations

import logging

import forebay

log = logging.getLogger("shop.orders")


def main() -> None:
    forebay.start(service_name="shop", capture_logging="INFO")

    log.info("sold %d items", 3, extra={"order": {"id": 42, "lines": [7, 9]}})
    try:
        int("seven")
    except ValueError:
        log.exception("cannot parse the amount")
    # The end of the program ships what is left.


if __name__ == "__main__":
    main()
