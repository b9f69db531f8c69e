"""How many requests may be inside at once. One more is told to come again, before its body is read."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_erp.web.problems import problem_response

RETRY_AFTER_SECONDS: Final = 1


class Bounded:
    """What is inside is finished; what would wait inside is turned away, so that a full house costs its senders time and us no memory."""

    def __init__(self, app: ASGIApp, requests_max: int) -> None:
        self.app, self.requests_max, self.inside = app, requests_max, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self.inside >= self.requests_max:
            full = problem_response(
                "intake-full",
                429,
                f"{self.requests_max} requests are being answered already.",
                "Send it again after the seconds in Retry-After; nothing of it was read.",
                **{"Retry-After": str(RETRY_AFTER_SECONDS), "Connection": "close"},
            )
            await full(scope, receive, send)
        else:
            self.inside += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.inside -= 1
