"""What a scan, a tap or a command does at the point of care; one locked step at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from integrations.formats.udi import Scan
from portal.clinical import cases
from portal.clinical.care import context as care_context
from portal.clinical.care import lookup as care_lookup
from portal.clinical.care import recording as care_recording
from portal.clinical.care import requests as care_requests
from portal.clinical.care.answer import Answer, Entry, answer
from portal.clinical.care.context import Care
from portal.clinical.care.recording import Message
from portal.clinical.care.rules import MOST_PER_LINE, Command, Do, command_of, outcome_of, prefers_request
from portal.clinical.cases import NewCase
from portal.foundation.access import Actor, Permission
from portal.foundation.errors import Invalid
from portal.masterdata.models import Item
from portal.masterdata.queries import locations_for
from portal.masterdata.scanning import label

GOOD, ASK, STOP = "good", "ask", "stop"
REVIEW = "review"


@dataclass(frozen=True)
class Said:
    """What a form said: the button, the scan, the thing in hand."""

    do: str
    scan: str = ""
    entry: Entry | None = None
    rush_reason: str = ""
    unread: str = ""

    @property
    def only_looks(self) -> bool:
        """Whether all that is asked is what a scan means, so that nothing will be written."""
        is_bare = self.do == Do.LOOK and self.entry is None
        return is_bare and bool(self.scan.strip()) and command_of(self.scan.strip()) is None


@dataclass(frozen=True)
class Shown:
    """What the page shows next, and how it sounds; `is_changed` says that something was written."""

    answer: Answer | None = None
    messages: Sequence[Message] = ()
    found: Sequence[Item] = ()
    is_changed: bool = False
    is_bad: bool = False
    unread: str = ""  # a barcode that nobody understood, kept in the page until it is put aside
    leaves: bool = False  # the case opened or closed, so that all of the page is another one

    @property
    def is_settled(self) -> bool:
        """Something was done and nothing is left to be looked at."""
        return self.is_changed and self.answer is None and not self.found

    @property
    def sound(self) -> str:
        """A short high tone for good, two for a question, a low one for a stop."""
        if self.is_bad or (self.answer is not None and self.answer.stops):
            return STOP
        if self.found or (self.answer is not None and not self.answer.is_ready):
            return ASK
        return GOOD if self.answer or self.messages else ""


def act(actor: Actor, care: Care, said: Said) -> Shown:
    """Does what was asked; raises Invalid, with nothing done, for what cannot be."""
    verb, _, number = said.do.partition(":")
    if verb == Do.RECORD and number and said.entry is not None:
        said = replace(said, entry=replace(said.entry, outcome=outcome_of(number)))
    of_row = {
        "pick": _pick,
        "undo": _undo,
        "withdraw": _withdraw,
        "change": _change,
    }
    if number and verb in of_row:
        return of_row[verb](actor, care, said, int(number) if number.isdecimal() and len(number) < 19 else 0)
    steps: dict[str, Callable[[Actor, Care, Said], Shown]] = {
        Do.RECORD: _record,
        Do.REQUEST: _request,
        Do.RUSH: _request,
        Do.CLEAR: _clear,
        Do.CARD: _use_card,
        Do.FINISH: _finish,
        Do.NOTHING: _nothing,
        Do.UNDO: _undo_last,
        REVIEW: _review,
    }
    return steps.get(verb, _look)(actor, care, said)


def open_unscheduled(actor: Actor, location_id: int, procedure: str) -> str:
    """Begins a case that no schedule has; returns the number that stands in its address."""
    return cases.open_case(actor, NewCase(location_id, procedure_name=procedure)).number


def settle_place(actor: Actor, code: str, location_id: int | None) -> None:
    """Says where a launch is, when the EHR did not; raises Invalid for a place that is not theirs."""
    care = care_context.find(actor, code, lock=True)
    known = {one.id for one in locations_for(actor, Permission.RECORD_USAGE)}
    if location_id not in known:
        raise Invalid("Choose the place you are at.", field="location")
    if care.launch is not None and care.location is None:
        care.launch.location_id = location_id


def _show(actor: Actor, care: Care, said: Said) -> Shown:
    return Shown(answer(care, said.entry) if said.entry else None)


def _look(actor: Actor, care: Care, said: Said) -> Shown:
    """A command, nothing (records what is shown), or something to find."""
    text = said.scan.strip(" \t\r\n")
    if not text:
        if said.entry is None:
            raise Invalid("Scan a barcode, or type a name or number.", field="scan")
        return _settle(actor, care, said)
    command = command_of(text)
    if command is not None:
        return _obey(actor, care, said, command)
    if said.entry is not None and said.entry.raw_scan == said.scan and not said.entry.serial:
        more = min(said.entry.quantity + 1, MOST_PER_LINE)
        return Shown(answer(care, replace(said.entry, quantity=more)))
    both = label(said.entry.raw_scan, said.scan) if said.entry is not None else None
    if said.entry is not None and both is not None:
        return Shown(answer(care, _completed(said.entry, both)))
    if said.entry is None:
        return _found(care, said.scan)
    before = _settle(actor, care, said)
    return _merged(before, _found(care_recording.current(care), said.scan))


def wants_request(care: Care) -> bool:
    """Whether the page was opened to ask for supplies."""
    return care.launch is not None and prefers_request(care.launch.intent)


def _settle(actor: Actor, care: Care, said: Said) -> Shown:
    """What Enter, the next scan and the next tap do with the thing in hand."""
    if wants_request(care):
        return _request(actor, care, replace(said, do=Do.REQUEST))
    return _record(actor, care, said)


def _completed(entry: Entry, both: Scan) -> Entry:
    """The thing in hand with what the second barcode of its label says."""
    return replace(
        entry,
        lot=both.lot or entry.lot,
        serial=both.serial or entry.serial,
        expires_on=both.expires_on or entry.expires_on,
        raw_scan=both.raw,
    )


def _found(care: Care, text: str) -> Shown:
    hit = care_lookup.look_up(text, care.today)
    if hit.entry is not None:
        return Shown(answer(care, hit.entry, hit.item), [Message(one, "warning") for one in hit.warnings])
    if hit.items:
        return Shown(found=hit.items)
    if hit.is_barcode:
        keep = Message(hit.reason, "danger", action=REVIEW, action_label="Keep the scan for a check")
        return Shown(messages=[keep], is_bad=True, unread=text)
    return Shown(messages=[Message(hit.reason, "danger")], is_bad=True)


def _merged(before: Shown, after: Shown) -> Shown:
    return replace(
        after, messages=[*before.messages, *after.messages], is_changed=before.is_changed or after.is_changed
    )


def _obey(actor: Actor, care: Care, said: Said, command: Command) -> Shown:
    if command.is_unknown:
        raise Invalid("This command is not known. The commands stand at the end of the page.", field="scan")
    if command.do is not Do.LOOK:
        return act(actor, care, replace(said, do=command.do, scan=""))
    if said.entry is None:
        raise Invalid("Scan the item first, then the command.", field="scan")
    entry = said.entry
    if command.outcome is not None:
        entry = replace(entry, outcome=command.outcome)
    if command.quantity is not None:
        entry = replace(entry, quantity=command.quantity)
    if command.side is not None:
        entry = replace(entry, side=command.side)
    if command.in_packs is not None:
        entry = replace(entry, in_packs=command.in_packs)
    return Shown(answer(care, entry))


def _pick(actor: Actor, care: Care, said: Said, item_id: int) -> Shown:
    """An item tapped instead of scanned; what was in hand before is recorded, as by the next scan."""
    if said.entry is not None and said.entry.item_id == item_id:
        return _show(actor, care, said)
    before = _settle(actor, care, said) if said.entry is not None else Shown()
    care = care_recording.current(care)
    return _merged(before, Shown(answer(care, Entry(item_id))))


def _record(actor: Actor, care: Care, said: Said) -> Shown:
    if said.entry is None:
        raise Invalid("There is nothing to record. Scan an item first.", field="scan")
    known = answer(care, said.entry)
    _refuse_unready(known)
    return Shown(messages=[care_recording.record(actor, care, known)], is_changed=True)


def _refuse_unready(known: Answer) -> None:
    for name, question in known.questions.items():
        raise Invalid(f"{known.item.name}: {question}", field=name)
    if known.stops and not known.entry.reason:
        why = " ".join(one.sentence for one in known.stops)
        raise Invalid(
            f"{known.item.name} is stopped. {why} Or say why it is used all the same.", field="reason"
        )


def _request(actor: Actor, care: Care, said: Said) -> Shown:
    if said.entry is None:
        raise Invalid("There is nothing to request. Scan or pick an item first.", field="scan")
    is_rush = said.do == Do.RUSH
    if is_rush and not said.rush_reason:
        raise Invalid("Say why it is urgent.", field="rush_reason")
    reason = said.rush_reason if is_rush else ""
    message = care_requests.request(actor, care, said.entry, rush_reason=reason)
    return Shown(messages=[message], is_changed=True)


def _clear(actor: Actor, care: Care, said: Said) -> Shown:
    return Shown(messages=[Message("Put away. Nothing was recorded of it.", "info")] if said.entry else ())


def _use_card(actor: Actor, care: Care, said: Said) -> Shown:
    before = _record(actor, care, said) if said.entry is not None else Shown()
    return _merged(before, Shown(messages=care_recording.use_card(actor, care), is_changed=True))


def _undo(actor: Actor, care: Care, said: Said, usage_id: int) -> Shown:
    message = care_recording.undo(actor, care, usage_id)
    shown = answer(care, said.entry) if said.entry else None
    return Shown(shown, [message], is_changed=True, leaves=care.is_closed)


def _undo_last(actor: Actor, care: Care, said: Said) -> Shown:
    """Takes back what was done last: a use, or a request that nobody has decided."""
    used, asked = care_recording.last_undoable(care), care_requests.last_undoable(care)
    if asked is not None and (used is None or asked.at > used.recorded_at):
        return _withdraw(actor, care, said, asked.id)
    if used is None:
        raise Invalid("There is nothing to undo here any more.", field="scan")
    return _undo(actor, care, said, used.id)


def _withdraw(actor: Actor, care: Care, said: Said, request_id: int) -> Shown:
    message = care_requests.take_back(actor, care, request_id)
    return Shown(answer(care, said.entry) if said.entry else None, [message], is_changed=True)


def _change(actor: Actor, care: Care, said: Said, usage_id: int) -> Shown:
    """Takes a recorded line in hand again; it stands until the corrected one is recorded."""
    before = _record(actor, care, said) if said.entry is not None else Shown()
    entry = care_recording.entry_of(care, usage_id)
    message = Message("Correct it and record it again. Until then the first entry stands.", "info")
    return _merged(before, Shown(answer(care, entry), [message]))


def _finish(actor: Actor, care: Care, said: Said) -> Shown:
    before = _record(actor, care, said) if said.entry is not None else Shown()
    care = care_recording.current(care)
    message = care_recording.finish(actor, care)
    is_over = not message.action
    return _merged(before, Shown(messages=[message], is_changed=is_over, leaves=is_over))


def _review(actor: Actor, care: Care, said: Said) -> Shown:
    if not said.unread:
        raise Invalid("There is no scan to keep. Scan it again.", field="scan")
    return Shown(messages=[care_recording.keep_for_review(actor, care, said.unread)], is_changed=True)


def _nothing(actor: Actor, care: Care, said: Said) -> Shown:
    message = care_recording.finish(actor, care, nothing_used=True)
    return Shown(messages=[message], is_changed=True, leaves=True)


def refused(care: Care, said: Said, sentences: Sequence[str]) -> Shown:
    """The page as it was, with why nothing was done."""
    known = answer(care, said.entry) if said.entry is not None else None
    return Shown(known, [Message(one, "danger") for one in sentences], is_bad=True)
