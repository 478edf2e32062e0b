"""Scanning at the dock: once each, in the unit of the order, with lots and serials; never what is unsafe."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.clinical.recalls import services as recalls
from portal.clinical.recalls.files import NewPart
from portal.clinical.recalls.services import NewRecall
from portal.exchange.models import Message, WorkItem
from portal.exchange.rules import MessageState
from portal.foundation import clock
from portal.foundation.access import Permission
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.identity.rules import Role
from portal.inventory.models import Stock
from portal.inventory.rules import Owner
from portal.masterdata.models import ItemPackaging
from portal.orders.cancelling import cancel_lines
from portal.orders.models import PurchaseOrder
from portal.receiving import queries, reversing, scanning
from portal.receiving import services as receiving
from portal.receiving.models import Receipt, ReceiptScan
from portal.receiving.rules import Entry, Verdict
from portal.receiving.scanning import Given, Told, Tone
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import fresh, lot, parsed, ship, ship_notice, words
from tests.visitor import Visitor

PIECE, BOX, GLOVES = "09506000134352", "19506000134359", "29506000134356"
SSCC = "006141410000001017"
LATER = date(2031, 12, 31)


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters (by lot and expiry) on line 10, two of gloves on line 20, all with barcodes."""
    ordering.connect(hospital)
    with transaction():
        for item, uom, gtin in (
            (hospital.catheter, "EA", PIECE),
            (hospital.catheter, "BX", BOX),
            (hospital.gloves, "BX", GLOVES),
        ):
            db.session.query(ItemPackaging).filter_by(item_id=item.id, uom=uom).update({"gtin": gtin})
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def scan(hospital: Hospital, order: PurchaseOrder, text: str, *, key: str = "", before: str = "") -> Told:
    with transaction():
        given = Given(key or f"key-{text}-{db.session.query(ReceiptScan).count()}", text, before)
        return scanning.count(hospital.actor(Role.RECEIVER), order.id, given)


def counted(hospital: Hospital, order: PurchaseOrder) -> list[tuple[int, Decimal, str]]:
    numbers = {line.id: line.line_number for line in fresh(order).lines}
    draft = queries.draft_of(order.id, hospital.actor(Role.RECEIVER).account_id)
    return [(numbers[one.order_line_id], one.quantity, one.lot) for one in draft.lines] if draft else []


def post(hospital: Hospital, order: PurchaseOrder, *, cancel: tuple[int, ...] = ()) -> Receipt:
    actor = hospital.actor(Role.RECEIVER)
    with transaction():
        draft = queries.draft_of(order.id, actor.account_id)
        assert draft is not None
        return receiving.post(actor, draft.id, cancel=cancel)


def test_one_scan_is_one_pack_in_the_unit_of_the_order(hospital: Hospital, order: PurchaseOrder) -> None:
    box = f"]d201{BOX}17311231" + "10L1"
    told = scan(hospital, order, box, key="first-scan")
    assert told == Told(Tone.GOOD, "1 BX Urinary catheter, 14 Fr, lot L1. 1 of 4 BX counted.")
    assert scan(hospital, order, box, key="first-scan") == told, (
        "the same scan again is answered, not counted"
    )
    assert "0.1 BX" in scan(hospital, order, f"(01){PIECE}(17)311231(10)L1").sentence
    scan(hospital, order, f"(01){BOX}(17)311231(10)L2")
    scan(hospital, order, GLOVES)
    assert counted(hospital, order) == [(10, Decimal("1.1"), "L1"), (10, 1, "L2"), (20, 1, "")]
    receiver = hospital.actor(Role.RECEIVER)
    last = db.session.query(ReceiptScan.id).order_by(ReceiptScan.id.desc()).limit(1).scalar()
    for answer in ("Taken back", "taken back already"):
        with transaction():
            assert answer in scanning.take_back(receiver, order.id, last).sentence
    post(hospital, order)
    on_hand = {
        one.lot: one.on_hand for one in db.session.query(Stock).filter_by(item_id=hospital.catheter.id)
    }
    assert on_hand == {"L1": 11, "L2": 10}
    assert [line.received for line in fresh(order).lines] == [Decimal("2.1"), 0]


def test_two_barcodes_of_one_label_and_what_a_label_lacks(hospital: Hospital, order: PurchaseOrder) -> None:
    told = scan(hospital, order, f"01{BOX}")
    assert (told.tone, told.before, told.missing) == (Tone.ASK, f"01{BOX}", ("lot", "expires_on"))
    assert "tracked by lot" in told.sentence
    assert scan(hospital, order, "1731123110L7", before=told.before).tone is Tone.GOOD
    told = scan(hospital, order, "1731123110L7")
    assert "Scan the other one of the label" in told.sentence
    assert scan(hospital, order, f"01{BOX}", before=told.before).tone is Tone.GOOD
    with transaction():
        given = Given("typed-label", hospital.catheter.code, lot="L8", expires_on=LATER)
        told = scanning.count(hospital.actor(Role.RECEIVER), order.id, given)
    assert told.sentence.startswith("1 BX Urinary catheter, 14 Fr, lot L8."), (
        "a typed number means one as ordered"
    )
    assert counted(hospital, order) == [(10, 2, "L7"), (10, 1, "L8")]


def test_a_scan_without_separators_is_counted_and_compared(hospital: Hospital, order: PurchaseOrder) -> None:
    text = f"01{BOX}1731123110L117320101"  # the lot may be L1, and what follows a date
    for _ in range(2):
        told = scan(hospital, order, text, key="swallowed")
        assert told.tone is Tone.LOOK
        assert "1 of 4 BX counted. Look again: No separator came with the scan" in told.sentence
    assert counted(hospital, order) == [(10, 1, "L117320101")]


def test_what_must_not_be_counted_is_said_and_nothing_is_written(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    with transaction():
        part = NewPart(item=hospital.catheter.code, lot="BAD")
        recalls.enter(hospital.actor(Role.RECEIVER), NewRecall("Leaks", clock.today(), parts=(part,)))
    for text, sentence in {
        f"(01){BOX}(17)200101(10)L1": "expired on Jan 1, 2020. Do not receive it",
        f"(01){BOX}(17)311231(10)BAD": "Leaks. Do not receive it: set it aside",
        "(01)00000096385074(10)X": "Nobody here knows the item",
        "WRISTBAND": "is no item, parcel or barcode known here",
        f"(01){BOX[:-1]}0": "cannot be read. The last digit",
    }.items():
        told = scan(hospital, order, text)
        assert (told.tone, sentence in told.sentence) == (Tone.STOP, True), told
    for number in (order.number.lower(), order.erp_number):
        assert scan(hospital, order, number).sentence.endswith(" itself. Scan what came of it.")
    for _ in range(2):
        scan(hospital, order, GLOVES)
    assert "at most 2.2 BX can be received" in scan(hospital, order, GLOVES).sentence
    assert counted(hospital, order) == [(20, 2, "")]
    with transaction():
        cancel_lines(
            hospital.actor(Role.BUYER), fresh(order), [order.lines[0].id], "Not needed", Permission.BUY
        )
    assert "is cancelled. Set it aside" in scan(hospital, order, f"(01){BOX}(17)311231(10)L1").sentence
    other = ordering.sent(hospital, {hospital.gloves_offer: 1})
    assert "is not on" in scan(hospital, other, f"(01){BOX}(17)311231(10)L1").sentence


def test_serials_are_counted_once_and_reach_stock_and_erp(hospital: Hospital, order: PurchaseOrder) -> None:
    with transaction():
        hospital.catheter.serial_tracked = True
        db.session.merge(hospital.catheter)
    piece = f"]d201{PIECE}17311231" + "10L1\x1d21S"
    assert scan(hospital, order, f"{piece}1").tone is Tone.GOOD
    assert "entered twice" in scan(hospital, order, f"{piece}1").sentence
    with transaction():
        given = Given("consigned", f"{piece}2", owner=Owner.CONSIGNMENT)
        scanning.count(hospital.actor(Role.RECEIVER), order.id, given)
    receipt = post(hospital, order)
    again = scan(hospital, order, f"{piece}1")
    assert again == Told(
        Tone.STOP, "Serial number S1 is on the shelf of Emergency department already. Check the pack."
    )
    rows = db.session.scalars(select(Stock).where(Stock.lot == "L1").order_by(Stock.serial))
    assert [(one.serial, one.owner, one.on_hand) for one in rows] == [
        ("S1", Owner.OWN, 1),
        ("S2", Owner.CONSIGNMENT, 1),
    ]
    message = db.session.query(Message).filter_by(kind="receipt", subject_id=receipt.id).one()
    assert message.canonical is not None
    assert [
        (Decimal(line["quantity"]), line["serials"], line["is_consignment"])
        for line in message.canonical["lines"]
    ] == [(Decimal("0.1"), ["S1"], False), (Decimal("0.1"), ["S2"], True)]


def test_a_parcel_counts_what_was_announced_in_it_once(hospital: Hospital, order: PurchaseOrder) -> None:
    lots = {10: [lot(1, "L1", LATER), lot(2, "L2", LATER)], 20: [lot(2)]}
    ship(ship_notice(order.number, lots, sscc=SSCC))
    assert scan(hospital, order, f"(00){SSCC}").tone is Tone.GOOD
    assert counted(hospital, order) == [(10, 1, "L1"), (10, 2, "L2"), (20, 2, "")]
    assert "is counted already" in scan(hospital, order, SSCC).sentence


def test_two_requests_one_order_line_and_what_came_of_it(
    client: Visitor, hospital: Hospital, order: PurchaseOrder
) -> None:
    """The vector: 2 and 2 become a line of 4; receive 2, then 1, cancel 1; each requester sees his share."""
    asked = [
        line_id for _ in range(2) for line_id in ordering.approved(hospital, {hospital.catheter_offer: 2})
    ]
    order = ordering.taken(ordering.placed_lines(hospital, asked))
    (catheters,) = order.lines
    assert (catheters.quantity, len(catheters.sources)) == (4, 2)
    budget = ordering.balance(hospital)
    for quantity, cancel in ((2, ()), (1, (catheters.id,))):
        for _ in range(quantity):
            scan(hospital, order, f"(01){BOX}(17)311231(10)L1")
        post(hospital, order, cancel=cancel)
    line = fresh(order).lines[0]
    assert (line.received, line.cancelled, line.quantities.outstanding) == (3, 1, 0)
    manager = ordering.visitor(client, hospital, Role.CLINIC_MANAGER)
    pages = [f"/requisitions/{one.requisition_line.requisition_id}" for one in line.sources]
    shares = [words(manager.get(page)) for page in pages]
    assert f"{order.number}: 2 BX 2 shipped, 2 received Received" in shares[0]
    assert f"{order.number}: 1 BX 1 shipped, 1 received, 1 cancelled Received" in shares[1]
    assert all("Confirmed Done." in one for one in shares)
    assert budget.available + Decimal(20) == ordering.balance(hospital).available


def test_damaged_wrong_and_missing_are_told_and_never_stocked(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    line = order.lines[1]
    entries = [Entry(line.id, Decimal(1)), *(Entry(line.id, Decimal(1), verdict=one) for one in Verdict)][:4]
    entries[1] = Entry(line.id, Decimal(1), verdict=Verdict.SHORT)
    with transaction():
        actor = hospital.actor(Role.RECEIVER)
        receipt = receiving.enter(actor, order.id, form_key="form-key", entries=entries)
    post(hospital, order)
    assert fresh(order).lines[1].received == 1
    kinds = sorted(db.session.scalars(select(WorkItem.kind).where(WorkItem.resolved_at.is_(None))))
    assert kinds == ["damaged", "short", "wrong_item"]
    with transaction():
        reversing.roll_back(hospital.actor(Role.RECEIVER), receipt.id, "Counted the wrong pallet")
    assert db.session.scalar(select(WorkItem.id).where(WorkItem.resolved_at.is_(None))) is None


def test_only_the_last_receipt_is_rolled_back_once_and_while_all_is_there(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver, before = hospital.actor(Role.RECEIVER), ordering.balance(hospital)
    first = ordering.received(hospital, order, {20: 1})
    last = ordering.received(hospital, order, {20: 1})
    with transaction():
        message = db.session.query(Message).filter_by(kind="receipt", subject_id=last.id).one()
        message.reference, message.state = "5000000001/2026", MessageState.DONE
        receiving.taken_by_erp(message)
    with pytest.raises(Conflict, match="Only the last receipt"), transaction():
        reversing.roll_back(receiver, first.id, "Mistake")
    for _ in range(2):
        with transaction():
            reversing.roll_back(receiver, last.id, "Counted the wrong pallet")
    sent = db.session.query(Message).filter_by(kind="receipt_reversal").one()
    assert sent.canonical is not None
    assert sent.canonical["erp_number"] == "5000000001/2026"
    assert fresh(order).lines[1].received == 1
    assert ordering.balance(hospital) == before
    assert db.session.query(Stock).filter_by(item_id=hospital.gloves.id).one().on_hand == 10
    with transaction():
        db.session.query(Stock).filter_by(item_id=hospital.gloves.id).update({"on_hand": 9})
    with pytest.raises(Invalid, match="count the shelf"), transaction():
        reversing.roll_back(receiver, first.id, "Mistake")
    assert fresh(order).lines[1].received == 1


def test_a_form_never_overwrites_what_was_scanned_meanwhile(
    client: Visitor, hospital: Hospital, order: PurchaseOrder
) -> None:
    scan(hospital, order, GLOVES)
    draft = queries.draft_of(order.id, hospital.actor(Role.RECEIVER).account_id)
    assert draft is not None
    page, check = f"/receive/{order.id}?receipt={draft.id}", f"/receive/receipts/{draft.id}"
    receiver = ordering.visitor(client, hospital, Role.RECEIVER)
    form, checked = receiver.get(page), receiver.get(check)
    scan(hospital, order, GLOVES)
    late = receiver.send(form, {"entries-0-quantity": "1.5"}, action=f"/receive/{order.id}")
    assert (late.status_code, "since this form was opened" in words(late)) == (409, True)
    post_late = receiver.send(checked, action=f"{check}/post")
    assert (post_late.status_code, "Check it again, then post" in words(post_late)) == (409, True)
    assert counted(hospital, order) == [(20, 2, "")]
    assert receiver.submit(check, action=f"{check}/post").status_code == 303


def test_strangers_scan_nothing(hospital: Hospital, order: PurchaseOrder) -> None:
    with pytest.raises(NotAllowed), transaction():
        scanning.count(hospital.actor(Role.APPROVER), order.id, Given("stranger", GLOVES))
    order_id = order.id
    with transaction():
        other = hospitals.build()
    with pytest.raises(NotFound), transaction():
        scanning.count(other.actor(Role.RECEIVER), order_id, Given("stranger", GLOVES))


# The pages


def test_scanning_without_javascript_and_sending_goods_back(
    client: Visitor, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver = ordering.visitor(client, hospital, Role.RECEIVER)
    address = f"/receive/{order.id}/scan"
    shown = receiver.get(address)
    assert shown.headers["Permissions-Policy"] == "camera=(self), microphone=()"
    assert "camera=()" in receiver.get("/receive").headers["Permissions-Policy"]
    half = receiver.send(shown, {"text": f"01{BOX}"}, action=address).headers["Location"]
    assert half.endswith(f"before=01{BOX}&missing=lot+expires_on")
    (typed,) = parsed(receiver.get(half)).xpath("//form[@data-label-form]")
    label = dict(typed.form_values()) | {"lot": "L7", "expires_on": "2031-12-31"}
    assert "invisible" in words(
        receiver.post(address, data=label | {"lot": "L\u202e7"}, follow_redirects=True)
    )
    assert "lot L7" in words(receiver.post(address, data=label, follow_redirects=True))
    assert "lot L7" in words(receiver.post(address, data=label, follow_redirects=True))
    assert counted(hospital, order) == [(10, 1, "L7")]
    receiver.submit(address, action=f"{address}/undo")
    receiver.send(receiver.get(f"{address}?before=01{BOX}"), {"text": "1731123110L7"}, action=address)
    assert "1 BX Urinary catheter, 14 Fr, lot L7" in words(receiver.get(address))
    for bad in ({"text": ""}, {"text": "x" * 501}, {"key": "x"}, {"text": "\x00"}):
        assert receiver.submit(address, bad, action=address).status_code == 303
    receiver.submit(address, {"text": GLOVES}, action=address)
    receiver.submit(address, action=f"{address}/undo")
    (check,) = parsed(receiver.get(address)).xpath("//a[@data-check]/@href")
    line_id = order.lines[1].id
    page = receiver.get(check)
    assert "Exam gloves" in words(page) or "2 BX" in words(page)
    assert receiver.send(page, {"cancel": str(line_id)}, action=f"{check}/post").status_code == 303
    assert fresh(order).lines[1].cancelled == 2
    back = receiver.get(f"{check}/return")
    missing = receiver.send(back, {"lines-0-quantity": "1"}, action=f"{check}/return")
    assert (missing.status_code, "Enter the number the supplier gave" in words(missing)) == (422, True)
    typed = {"authorization": "RMA-7", "reason": "Torn wrapping", "lines-0-quantity": "2"}
    much = receiver.send(back, typed, action=f"{check}/return")
    assert (much.status_code, "at most 1 BX" in words(much)) == (422, True)
    answers = [
        receiver.send(back, typed | {"lines-0-quantity": "1"}, action=f"{check}/return") for _ in range(2)
    ]
    assert len({one.headers["Location"] for one in answers}) == 1
    told = words(receiver.get(answers[0].headers["Location"]))
    assert "RMA-7" in told
    assert "$20.00" in told
    assert db.session.query(Stock).filter_by(item_id=hospital.catheter.id).one().on_hand == 0
    message = db.session.query(Message).filter_by(kind="supplier_return").one()
    assert message.canonical is not None
    assert message.canonical["authorization"] == "RMA-7"
    rolled = receiver.submit(f"{check}/roll-back", {"reason": "Oops"}, action=f"{check}/roll-back")
    assert (rolled.status_code, "went back to the supplier already" in words(rolled)) == (409, True)
