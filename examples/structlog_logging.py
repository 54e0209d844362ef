"""structlog in front, Forebay behind: attributes keep their types, and no processor makes text.

python examples/structlog_logging.py
"""

from __future__ import annotations

import structlog

import forebay
from forebay.structlog import LoggerFactory, to_forebay


def main() -> None:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, to_forebay],
        logger_factory=LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        cache_logger_on_first_use=True,
    )
    collector = forebay.start(service_name="shop")
    log = structlog.get_logger("shop.orders").bind(customer=7)
    log.info("order placed", lines=[{"sku": "A-17", "pieces": 2}], paid=True)
    try:
        int("seven")
    except ValueError:
        log.exception("cannot parse the amount")
    collector.shutdown()
    print(f"delivered {collector.stats().delivered}")


if __name__ == "__main__":
    main()
