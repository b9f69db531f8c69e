"""How the store is named: what cannot be read is refused without a word of it, because it holds a password."""

from __future__ import annotations

import pytest

from hybrid_erp.wiring.cli import main

SECRET = "planted"


@pytest.mark.parametrize("command", ["migrate", "webhooks"])
@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql//owner:{SECRET}@127.0.0.1/x",
        f"owner:{SECRET}@127.0.0.1/x",
        f"postgresql://owner:{SECRET}%zz@127.0.0.1:1/x",
        f"postgresql://owner:{SECRET}/more@127.0.0.1:1/x",
        f"postgresql://owner:more@{SECRET}@127.0.0.1:1/x",
        f"postgresql://owner@127.0.0.1:{SECRET}/x",
        f"host=127.0.0.1 port=1 password='{SECRET}",
        f"postgresql://owner:{SECRET}@127.0.0.1:1/x",
        f"host=127.0.0.1 port=1 password={SECRET}",
    ],
)
def test_no_message_quotes_a_url_that_holds_a_password(command: str, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--dsn", dsn]) == 2

    told = "".join(capsys.readouterr())
    assert told.strip()
    assert SECRET not in told
