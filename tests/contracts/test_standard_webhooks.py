"""Our signature of webhooks is the one that the specification of Standard Webhooks gives as its example."""

from __future__ import annotations

import base64

from contracts.signatures import standard_signature


def test_the_example_of_the_specification() -> None:
    # S2.04
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    said = standard_signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
