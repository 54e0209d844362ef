"""The same by `logging.config`, as frameworks want it: the handler binds when start() is called.

python examples/dict_config.py
"""

from __future__ import annotations

import logging
import logging.config

import forebay

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"forebay": {"class": "forebay.LoggingHandler", "level": "INFO"}},
    "root": {"handlers": ["forebay"], "level": "INFO"},
}


def main() -> None:
    logging.config.dictConfig(LOGGING)
    collector = forebay.start(service_name="shop")
    logging.getLogger("shop.orders").warning("stock is low", extra={"sku": "A-17", "left": 2})
    collector.shutdown()
    print(f"delivered {collector.stats().delivered}")


if __name__ == "__main__":
    main()
