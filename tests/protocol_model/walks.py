"""Random walks through the delivery model, recorded as the real code would record them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tests.protocol_model.delivery.actions import steps
from tests.protocol_model.delivery.model import Model, Scenario
from tests.protocol_model.delivery.state import ERPS, Ownership, State, Worker
from tests.protocol_model.guards import Guards
from tests.protocol_model.phases import OPEN_PHASES
from tests.protocol_model.trace import Action, Record, Result

COMPANY: Final = "DE01"
PERIODS: Final = ("2026-12", "2027-01")
RESULTS: Final[dict[str, Result]] = {
    "posted": "posted",
    "rejected": "dead",
    "refused_for_prerequisite": "dead",
    "conflict": "dead",
    "locked_out": "retry",
    "draft_gone": "retry",
    "in_doubt": "in_doubt",
    "": "given_back",
}
MOVES: Final[dict[str, Action]] = {
    "frozen": "frozen",
    "drained": "drained",
    "locked": "locked",
    "verified": "verified",
    "switched": "switched",
    "releasing": "releasing",
}


@dataclass(slots=True)
class Recorder:
    """Turns the steps of a walk into records; epochs, cutover ids and tokens are counted here."""

    model: Model
    epoch: int = 1
    cutovers: int = 0
    claims: int = 0
    tokens: dict[int, str] = field(default_factory=dict)
    """By worker."""

    def begins(self, state: State) -> Record:
        """The facts before anything happens."""
        return replace(self._facts("begins", state), companies=(COMPANY,), from_period="2000-01")

    def records(self, before: State, after: State) -> Iterator[Record]:
        """What the store's transactions of one step were."""
        if before.ownership is not after.ownership:
            yield from self._ownership(before.ownership[0], after)
        for number, (was, now) in enumerate(zip(before.workers, after.workers, strict=True)):
            if was.step == "idle" and now.step != "idle":
                self.claims += 1
                self.tokens[number] = f"token-{self.claims}"
                yield replace(self._of_a_claim("claimed", after, now, number), look_up_only=now.look_up_only)
            elif now.step == "idle" and was.step in ("settling", "checking") and before.left.crash == after.left.crash:
                mine = before.deliveries[was.posting][was.erp].holder == number
                settled = replace(self._of_a_claim("settled", after, was, number), result=RESULTS[was.outcome] if mine else "thrown_away")
                yield replace(settled, marked=after.deliveries[was.posting][was.erp].marked)

    def _ownership(self, was: Ownership, after: State) -> Iterator[Record]:
        now = after.ownership[0]
        action = _action(was, now)
        self.cutovers += action == "frozen"
        self.epoch += action in ("frozen", "releasing", "switched")
        if action == "frozen":
            yield from self._approvals(was)
        if action is not None:
            from_period = PERIODS[self.model.scenario.from_period] if action == "frozen" else ""
            yield replace(self._facts(action, after), companies=(COMPANY,), from_period=from_period)

    def _approvals(self, was: Ownership) -> Iterator[Record]:
        """Which the delivery model takes for granted: they are the runbook model's matter."""
        asked = Record(
            action="asked",
            phase=was.phase,
            epoch=self.epoch - 1,
            owner=ERPS[was.owner],
            about=f"cutover-{self.cutovers}",
            lapsed=was.lapsed,
        )
        yield asked
        for role, company in (("migration_lead", ""), ("controller", COMPANY)):
            yield replace(asked, action="approved", role=role, company=company)

    def _of_a_claim(self, action: Action, state: State, worker: Worker, number: int) -> Record:
        return replace(
            self._facts(action, state),
            posting=f"posting-{worker.posting}",
            kind="ledger",
            company=COMPANY,
            erp=ERPS[worker.erp],
            role=worker.role,
            period=PERIODS[self.model.period(state, worker.posting)],
            token=self.tokens[number],
        )

    def _facts(self, action: Action, state: State) -> Record:
        now = state.ownership[0]
        active = None if now.phase in OPEN_PHASES else f"cutover-{self.cutovers}"
        return Record(action=action, phase=now.phase, epoch=self.epoch, owner=ERPS[now.owner], cutover=active, lapsed=now.lapsed)


def _action(was: Ownership, now: Ownership) -> Action | None:
    if now.phase != was.phase:
        return "opened" if now.phase in OPEN_PHASES else MOVES[now.phase]
    if now.intent and not was.intent:
        return "lock_intended"
    return "lapsed" if now.lapsed and not was.lapsed else None


def walk(scenario: Scenario, guards: Guards, seed: int, *, steps_max: int = 80) -> list[Record]:
    """One walk, recorded."""
    model, choice = Model(scenario, guards), random.Random(seed)
    state, recorder = scenario.start(), Recorder(model)
    found = [recorder.begins(state)]
    for _ in range(steps_max):
        ways = list(steps(model, state))
        if not ways:
            break
        _, _, after = choice.choice(ways)
        found.extend(recorder.records(state, after))
        state = after
    return found
