"""All that may happen next."""

from __future__ import annotations

from tests.protocol_model.delivery import claims, cutover, erps, flip, people, proofs, sending, settling
from tests.protocol_model.delivery.invariants import invariants, progress
from tests.protocol_model.delivery.model import Model, Scenario, Taken
from tests.protocol_model.delivery.state import State
from tests.protocol_model.explore import Exploration, explore
from tests.protocol_model.guards import ALL, Guards

EVERYWHERE = (
    claims.claim,
    claims.lease_ends,
    erps.work,
    erps.post_natively,
    people.set_pin,
    people.replay,
    people.accept_what_the_erp_holds,
)
OF_A_WORKER = (
    claims.write_claim,
    sending.look,
    sending.check,
    sending.send,
    sending.time_out,
    sending.store_draft,
    sending.crash,
    settling.settle,
)
OF_A_KIND = (
    cutover.freeze,
    cutover.lapse,
    cutover.renew_a_lapsed_lease,
    cutover.drain,
    cutover.lock_out,
    cutover.confirm_locked,
    proofs.look_again,
    flip.verify,
    flip.switch,
    flip.open_after_switch,
    flip.release,
)


def steps(model: Model, state: State) -> Taken:
    """Every step that some actor may take now."""
    for action in EVERYWHERE:
        yield from action(model, state)
    for number, worker in enumerate(state.workers):
        if worker.step != "idle":
            for of_a_worker in OF_A_WORKER:
                yield from of_a_worker(model, state, number)
    for kind in range(len(state.ownership)):
        for of_a_kind in OF_A_KIND:
            yield from of_a_kind(model, state, kind)
    yield from cutover.new_period(model, state)


def search(scenario: Scenario, guards: Guards = ALL, *, limit: int = 2_000_000, stop_at_first: bool = False) -> Exploration:
    """Explore a scenario."""
    model = Model(scenario, guards)
    return explore(
        scenario.start(),
        lambda state: steps(model, state),
        invariants(model),
        progress(model),
        limit=limit,
        stop_at_first=stop_at_first,
    )
