"""What must never be written down: keys of a short list, keys of one's own, at any depth.

python examples/redaction.py
"""

from __future__ import annotations

import forebay
from forebay.testing import memory_collector


def main() -> None:
    # "!cookie": here that is the name of a biscuit, and no secret.
    with memory_collector(redact=["iban", "*_pin", "!cookie"]) as memory:
        log = forebay.get_logger("shop")
        log.info("login", user="ada", password="correct horse", cookie="oatmeal")
        log.info(
            "paid", card={"holder": "Ada", "card_pin": "1234"}, iban="DE02 1203 0000 0000 2020"
        )
        for record in memory.records():
            print(record.body, record.attributes)
        login, paid = memory.records()
        assert login.attributes["password"] == "[redacted: password]"
        assert login.attributes["cookie"] == "oatmeal"
        assert paid.attributes["card"] == {"holder": "Ada", "card_pin": "[redacted: *_pin]"}
        assert paid.attributes["iban"] == "[redacted: iban]"


if __name__ == "__main__":
    main()
