"""loguru in front, Forebay behind.

python examples/loguru_logging.py
"""

from __future__ import annotations

from loguru import logger

import forebay
from forebay.loguru import sink


def main() -> None:
    collector = forebay.start(service_name="shop")
    logger.remove()
    logger.add(sink(), level="INFO")
    logger.bind(customer=7).success("order {} placed", 42)
    with logger.catch(message="cannot parse the amount"):
        int("seven")
    collector.shutdown()
    print(f"delivered {collector.stats().delivered}")


if __name__ == "__main__":
    main()
