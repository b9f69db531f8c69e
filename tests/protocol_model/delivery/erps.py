"""What the two ERPs do with requests, sooner or later, and what people post in them."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken
from tests.protocol_model.delivery.sending import answered
from tests.protocol_model.delivery.state import ERPS, LEGACY, NOBODY, Book, Outcome, Request, Role, State, Worker

DRAFTS_MAX = 3


def work(model: Model, state: State) -> Taken:
    """Every request that has reached an ERP may be taken up next; one that nobody waits for may also be lost."""
    for request in dict.fromkeys(state.requests):
        where = f"the {ERPS[request.erp]} ERP"
        late = " late" if request.sender == NOBODY else ""
        if not request.started and _locked_out(model, state, request):
            yield "erp", f"{where} refuses posting {request.posting}: locked out", _told(state, request, "locked_out")
        elif not request.started and model.scenario.two_phase:
            after = answered(state, request, None)
            started = replace(request, started=True)
            yield (
                "erp",
                f"{where} begins posting {request.posting}: not locked",
                replace(after, requests=tuple(sorted((*after.requests, started)))),
            )
        else:
            yield from _decide(model, state, request, where, late)
        if request.sender == NOBODY:
            yield "erp", f"the request for posting {request.posting} is lost on its way to {where}", answered(state, request, None)


def _locked_out(model: Model, state: State, request: Request) -> bool:
    """L2."""
    if not model.ownership(state, request.posting).locked[request.erp]:
        return False
    if request.role == "candidate":
        return not model.guards.lock_out_by_credential
    return request.role == "control" or not model.guards.run_off_passes


def _decide(model: Model, state: State, request: Request, where: str, late: str) -> Taken:
    posting, erp = request.posting, request.erp
    book = state.books[posting][erp]
    needed = model.scenario.documents[posting].depends_on
    if state.left.reject and request.sender != NOBODY and not request.draft:
        rejected = _told(state, request, "rejected")
        yield "erp", f"{where} rejects posting {posting}", replace(rejected, left=state.spent("reject"))
    if needed is not None and not state.books[needed][erp].posted:
        yield "erp", f"{where} refuses posting {posting}: posting {needed} is not there", _told(state, request, "refused_for_prerequisite")
    elif model.scenario.erps[erp] == "draft":
        yield "erp", *_two_steps(state, request, book, where, late)
    elif model.scenario.erps[erp] == "unique" and book.posted:
        same = book.version == request.version or not model.guards.content_compared
        yield "erp", f"{where} has posting {posting} already{late}", _told(state, request, "posted" if same else "conflict")
    else:
        yield "erp", f"{where} posts posting {posting}{late}", _booked(state, request, book)


def _two_steps(state: State, request: Request, book: Book, where: str, late: str) -> tuple[str, State]:
    """A draft is made, and posted by its id."""
    posting, erp, draft = request.posting, request.erp, request.draft
    if not draft:
        if len(book.drafts) == DRAFTS_MAX:
            return f"{where} makes no more drafts of posting {posting}", _told(state, request, "in_doubt")
        number = len(book.drafts) + 1
        after = state.with_book(posting, erp, replace(book, drafts=(*book.drafts, "draft")))
        stores = None if request.sender == NOBODY else replace(state.workers[request.sender], step="storing", draft=number)
        return f"{where} makes draft {number} of posting {posting}{late}", answered(after, request, stores)
    if book.drafts[draft - 1] != "draft":
        gone = book.drafts[draft - 1] == "deleted"
        words = f"{where} answers that draft {draft} is {'gone' if gone else 'posted'}"
        return words, _told(state, request, "draft_gone" if gone else "posted")
    drafts = tuple("posted" if at == draft - 1 else each for at, each in enumerate(book.drafts))
    return f"{where} posts draft {draft} of posting {posting}{late}", _booked(state, request, replace(book, drafts=drafts))


def _booked(state: State, request: Request, book: Book) -> State:
    role: Role = "candidate" if request.role == "candidate" else "control"
    book = replace(book, posted=book.posted + 1, version=request.version, role=role, period=request.period)
    return _told(state.with_book(request.posting, request.erp, book), request, "posted")


def _told(state: State, request: Request, outcome: Outcome) -> State:
    waiting: Worker | None = None if request.sender == NOBODY else state.workers[request.sender]
    return answered(state, request, waiting and replace(waiting, step="settling", outcome=outcome))


def post_natively(model: Model, state: State) -> Taken:
    """A bookkeeper posts in the legacy ERP's own screens, where that ERP lets people; the document is captured later."""
    for number, document in enumerate(model.scenario.documents):
        posting = state.postings[number]
        if posting.state == "native":
            after = state.with_posting(number, replace(posting, state="posted"))
            yield "runner", f"posting {number} is captured", model.posted(after, number, LEGACY, "control")
        if not document.native or posting.state != "absent":
            continue
        period = model.period(state, number)
        if not _people_may_post(model, state, number, period):
            continue
        book = replace(state.books[number][LEGACY], posted=1, period=period)
        after = state.with_book(number, LEGACY, book).with_posting(number, replace(posting, state="native"))
        yield "person", f"a bookkeeper posts posting {number} in the legacy ERP", after


def _people_may_post(model: Model, state: State, number: int, period: int) -> bool:
    """L2: after the lock-out only the people of the close, and only into the periods that stay."""
    if not model.ownership(state, number).locked[LEGACY]:
        return True
    if not model.scenario.close_posts:
        return False
    return period < model.scenario.from_period or not model.guards.people_of_the_close_keep_to_it
