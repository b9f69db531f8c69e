"""What is explored with every guard in place: small enough for each test run, and the whole scope."""

from __future__ import annotations

from typing import Final

from tests.protocol_model.delivery.model import Document, Scenario
from tests.protocol_model.delivery.state import EARLIER, LATER, Faults

ONE = (Document(),)
IN_A_LANE = (Document(), Document())
COMMUTING = (Document(), Document(lane=None))
TWO_KINDS = (Document(kind=0), Document(kind=1, depends_on=0))
TWO_PERIODS = (Document(period=EARLIER), Document(period=LATER))
NO_DATE = (Document(period=None),)
LOOK_UP_ONLY: Final = ("look_up_only", "look_up_only")

TINY: Final[dict[str, Scenario]] = {
    "a request is late, the freeze lapses or is released": Scenario(ONE, Faults(flip=1, timeout=1, release=1, lapse=1), workers=1),
    "an earlier period stays with its owner": Scenario(TWO_PERIODS, Faults(flip=1), workers=1),
}

SMALL: Final[dict[str, Scenario]] = TINY | {
    "two workers, a late request": Scenario(ONE, Faults(flip=1, timeout=1)),
    "a worker is paused between its check and its send": Scenario(ONE, Faults(pause=1, flip=1)),
    "a worker dies; drafts": Scenario(ONE, Faults(crash=1, timeout=1, flip=1, release=1), ("draft", "unique"), workers=1),
    "there and back": Scenario(ONE, Faults(flip=2, timeout=1), workers=1),
    "two postings of a lane": Scenario(IN_A_LANE, Faults(flip=1), workers=1),
    "a posting that commutes beside one of a lane": Scenario(COMMUTING, Faults(flip=1, reject=1, replay=1), workers=1),
    "an invoice that needs its project, kinds that move apart": Scenario(TWO_KINDS, Faults(flip=2), workers=1),
    "a bookkeeper posts natively": Scenario((Document(), Document(native=True)), Faults(flip=1), workers=1),
    "people of the close post into the earlier period": Scenario(
        (Document(native=True, lane=None, period=EARLIER), Document()), Faults(flip=1), workers=1, close_posts=True
    ),
    "a posting without a date, and a new period": Scenario(NO_DATE, Faults(flip=1, timeout=1, tick=1), workers=1),
    "rejected, corrected, replayed, late": Scenario(ONE, Faults(timeout=1, reject=1, replay=1, flip=1), workers=1, corrected=True),
    "a pin, and a flip": Scenario(ONE, Faults(pin=2, flip=1, release=1), workers=1, pinnable=(0,)),
    "an ERP that can only be looked up": Scenario(ONE, Faults(timeout=1, flip=1, release=1), LOOK_UP_ONLY, workers=1),
    "an ERP that checks its lock first and commits later": Scenario(
        ONE, Faults(timeout=1, flip=1, release=1, lapse=1), workers=1, two_phase=True
    ),
}

FULL: Final[dict[str, Scenario]] = SMALL | {
    "everything at once, one posting": Scenario(ONE, Faults(flip=1, timeout=1, crash=1, pause=1, release=1, lapse=1)),
    "there and back, with death and pause": Scenario(ONE, Faults(flip=2, timeout=1, crash=1, pause=1)),
    "there and back with drafts": Scenario(ONE, Faults(flip=2, timeout=1, crash=1, pause=1), ("unique", "draft")),
    "drafts at the old owner, released and lapsed": Scenario(
        ONE, Faults(flip=1, timeout=1, crash=1, pause=1, release=1, lapse=1), ("draft", "unique")
    ),
    "two-phase ERPs, there and back": Scenario(ONE, Faults(flip=2, timeout=1, pause=1, release=1), two_phase=True),
    "two-phase ERPs, lapses": Scenario(ONE, Faults(flip=2, timeout=1, crash=1, lapse=2), two_phase=True),
    "three workers": Scenario(ONE, Faults(flip=1, timeout=1, pause=1), workers=3, two_phase=True),
    "two postings of a lane, there and back": Scenario(IN_A_LANE, Faults(flip=2, timeout=1)),
    "two postings of a lane, a pause": Scenario(IN_A_LANE, Faults(flip=1, timeout=1, pause=1)),
    "two postings that commute, a lapse": Scenario((Document(lane=None),) * 2, Faults(flip=1, timeout=1, lapse=1)),
    "one that commutes, poison beside it": Scenario(COMMUTING, Faults(flip=1, timeout=1, reject=1, replay=1), workers=1),
    "two kinds, rejected and replayed": Scenario(TWO_KINDS, Faults(flip=2, reject=1, replay=1)),
    "native posting, there and back, death": Scenario((Document(), Document(native=True)), Faults(flip=2, crash=1)),
    "pins, two flips, death": Scenario(ONE, Faults(flip=2, timeout=1, pin=2, crash=1), pinnable=(0,)),
    "two periods in a lane, there and back": Scenario(TWO_PERIODS, Faults(flip=2, timeout=1)),
    "two periods in a lane the other way round, a lapse": Scenario(TWO_PERIODS[::-1], Faults(flip=1, timeout=1, lapse=1, release=1)),
    "two periods that commute, rejected and replayed": Scenario(
        (Document(lane=None, period=EARLIER), Document(lane=None)), Faults(flip=1, timeout=1, reject=1, replay=1)
    ),
    "everything moves, whatever its period": Scenario(TWO_PERIODS, Faults(flip=2, timeout=1), from_period=EARLIER),
    "without a date, beside one of a lane": Scenario(
        (Document(period=None), Document()), Faults(flip=1, timeout=1, tick=1, release=1), workers=1
    ),
    "the close posts natively, there and back": Scenario(
        (Document(native=True, period=EARLIER), Document()), Faults(flip=2, timeout=1), workers=1, close_posts=True
    ),
    "corrected and replayed beside a second worker": Scenario(ONE, Faults(timeout=1, reject=1, replay=1, flip=1, pause=1), corrected=True),
    "looked up only, death and release": Scenario(ONE, Faults(timeout=1, crash=1, flip=1, release=1), LOOK_UP_ONLY),
}
