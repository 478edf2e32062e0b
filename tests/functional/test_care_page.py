"""The point of care without JavaScript: scan, confirm, done; questions, stops, undo, requests, strangers."""

from datetime import timedelta

from integrations.clinical import UsageStatus
from portal.clinical.models import AccessRecord, CareRequest, Case, Usage
from portal.clinical.rules import CaseState
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests.care_ward import CATHETER, GLOVE, GLOVE_BOX, GS, HIP, NAME, Ward, ward, words
from tests.requesting import actions, stocked

__all__ = ["ward"]


def test_three_interactions_from_the_case_to_done(ward: Ward) -> None:
    scanned = ward.do(scan=GLOVE)
    assert "40 pieces here" in words(scanned)
    assert "Central storeroom (200)" in words(scanned)
    assert ward.do(scanned, do="record").status_code == 303
    assert ward.do(do="finish").status_code == 303
    assert "Done. 1 line is recorded. The case is closed." in words(ward.page())
    assert ward.on_hand(ward.hospital.gloves) == 39
    (usage,) = ward.recorded()
    assert usage.quantity == 1
    assert usage.cost_center_id == ward.hospital.cost_center.id
    assert usage.patient_id == ward.patient_id


def test_by_scanner_alone(ward: Ward) -> None:
    shown = ward.do(scan=GLOVE)
    for text in (".3", f"01{CATHETER}10SOON", ".wasted", ".ok"):
        shown = ward.do(shown if shown.status_code == 200 else None, scan=text)
    assert [(one.quantity, one.outcome, one.lot) for one in ward.recorded()] == [
        (3, UsageStatus.USED, ""),
        (1, UsageStatus.WASTED, "SOON"),
    ]
    ward.do(scan=".undo")
    ward.do(scan=".done")
    assert [one.outcome for one in ward.recorded()] == [UsageStatus.USED]
    assert ward.on_hand(ward.hospital.catheter, "SOON") == 5


def test_the_same_barcode_again_is_one_more_and_a_box_counts_as_one_piece_until_said(ward: Ward) -> None:
    twice = ward.do(ward.do(scan=GLOVE), scan=GLOVE)
    ward.do(twice, do="record")
    box = ward.do(scan=GLOVE_BOX)
    assert "1 box of 10 pieces" in words(box)
    ward.do(box, do="record")
    ward.do(ward.do(ward.do(scan=GLOVE_BOX), scan=".box"), do="record")
    assert [one.quantity for one in ward.recorded()] == [2, 1, 10]
    assert "Box or piece?" not in words(ward.do(scan=GLOVE))


def test_a_picked_item_comes_from_the_lot_that_expires_first(ward: Ward) -> None:
    found = ward.do(scan="catheter")
    assert "Urinary catheter, 14 Fr" in words(found)
    picked = ward.do(found, do=f"pick:{ward.hospital.catheter.id}")
    ward.do(picked, do="record:opened_unused", quantity="2")
    (usage,) = ward.recorded()
    assert (usage.lot, usage.outcome, usage.quantity) == ("SOON", UsageStatus.OPENED_UNUSED, 2)
    assert ward.on_hand(ward.hospital.catheter, "SOON") == 3


def test_an_implant_is_not_recorded_before_all_is_known(ward: Ward) -> None:
    scanned = ward.do(scan=f"01{HIP}17300131{GS}10H1{GS}21S1")
    refused = ward.do(scanned, do="record")
    assert refused.status_code == 422
    assert "Which side of the body?" in words(refused)
    ward.do(refused, do="record", side="Left", quantity="7")
    assert [one.quantity for one in ward.recorded()] == [1]
    assert ward.recorded(details=True) == [("H1", "S1", "Left", HIP, UsageStatus.IMPLANTED)]
    again = ward.do(scan=f"01{HIP}17300131{GS}10H1{GS}21S1")
    assert "Used before" in words(again) or "used before" in words(again)
    picked = ward.do(do=f"pick:{ward.hip.id}")
    unknown = ward.do(picked, do="record", side="Right")
    assert unknown.status_code == 422
    assert "Which lot?" in words(unknown)
    assert "serial S2" in words(unknown)


def test_expired_and_recalled_stop_and_can_be_overruled_with_a_reason(ward: Ward) -> None:
    expired = ward.do(scan=f"01{CATHETER}10GONE")
    assert "Stop: expired" in words(expired)
    refused = ward.do(expired, do="record")
    assert refused.status_code == 422
    assert not ward.recorded()
    assert ward.do(refused, do="record", other_reason="The surgeon decided").status_code == 303
    (usage,) = ward.recorded()
    assert usage.override_reason == "The surgeon decided"
    ward.recall(ward.hospital.catheter, lot="LATE")
    recalled = ward.do(scan=f"01{CATHETER}10LATE")
    assert "Stop: recalled" in words(recalled)
    assert ward.do(recalled, do="record").status_code == 422
    wasted = ward.do(recalled, do="record:wasted")
    assert wasted.status_code == 303


def test_undo_gives_everything_back_and_opens_the_case_again(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), do="record")
    ward.do(do="finish")
    (usage,) = ward.recorded()
    ward.do(do=f"undo:{usage.id}")
    assert ward.on_hand(ward.hospital.gloves) == 40
    assert not ward.recorded()
    ward.do(do=f"undo:{usage.id}")
    assert ward.on_hand(ward.hospital.gloves) == 40
    with transaction():
        case = db.session.query(Case).filter_by(number=ward.case).one()
        assert case.state is CaseState.OPEN
        assert actions("clinical_case", case.id) == ["case.begin", "case.close", "case.reopen"]
    ward.do(ward.do(scan=GLOVE), do="record")
    (late,) = ward.recorded()
    with transaction():
        db.session.get_one(Usage, late.id).recorded_at = clock.now() - timedelta(minutes=16)
    too_late = ward.do(do=f"undo:{late.id}")
    assert too_late.status_code == 422
    assert "Undo works for 15 minutes" in words(too_late)


def test_a_return_of_what_nobody_used_waits_and_says_what_to_do(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), do="record:returned")
    shown = words(ward.page())
    assert "no use is recorded that a return takes back" in shown
    assert "If it was never opened, undo this" in shown
    with transaction():
        (row,) = db.session.query(Usage).filter_by(outcome=UsageStatus.RETURNED)
    ward.do(do=f"undo:{row.id}")
    assert ward.on_hand(ward.hospital.gloves) == 40
    assert "Waits for a check" not in words(ward.page())


def test_undo_by_command_takes_back_what_was_done_last(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), do="record")
    ward.do(ward.do(scan=GLOVE), do="request")
    ward.do(scan=".undo")
    assert "Nothing is ordered." in words(ward.page())
    assert len(ward.recorded()) == 1
    ward.do(scan=".undo")
    assert not ward.recorded()
    assert "nothing to undo" in words(ward.do(scan=".undo"))


def test_a_line_is_corrected_without_losing_it(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), do="record")
    (first,) = ward.recorded()
    in_hand = ward.do(do=f"change:{first.id}")
    assert [one.id for one in ward.recorded()] == [first.id]
    ward.do(in_hand, do="record", quantity="4")
    (second,) = ward.recorded()
    assert second.quantity == 4
    assert ward.on_hand(ward.hospital.gloves) == 36


def test_the_preference_card_is_used_as_listed(ward: Ward) -> None:
    ward.card({ward.hospital.gloves: 5, ward.hospital.catheter: 7, ward.hip: 1})
    listed = words(ward.client.get(f"{ward.url}card"))
    assert "5 of lot SOON" in listed
    assert "2 of lot LATE" in listed
    assert "GONE" not in listed
    assert ward.do(do="card").status_code == 303
    assert "Scan each of these: Femoral head, 36 mm." in words(ward.page())
    assert [(one.lot, one.quantity) for one in ward.recorded()] == [("", 5), ("SOON", 5), ("LATE", 2)]
    ward.do(do="card")
    assert len(ward.recorded()) == 3


def test_a_case_never_closes_silently(ward: Ward) -> None:
    asked = ward.do(do="finish")
    assert "Was nothing used?" in words(asked)
    ward.do(asked, do="nothing")
    with transaction():
        case = db.session.query(Case).filter_by(number=ward.case).one()
        assert (case.state, case.nothing_used) == (CaseState.CLOSED, True)
    assert "Nothing was used" in words(ward.page())


def test_a_request_is_a_requisition_that_knows_no_patient(ward: Ward) -> None:
    shown = ward.do(scan=GLOVE)
    refused = ward.do(shown, do="rush")
    assert refused.status_code == 422
    assert "Say why it is urgent." in words(refused)
    ward.do(shown, do="rush", rush_reason="The patient is waiting for it")
    ward.do(shown, do="rush", rush_reason="The patient is waiting for it")
    with transaction():
        (row,) = db.session.query(CareRequest).all()
        requisition = db.session.get_one(Requisition, row.requisition_id)
        assert requisition.state is RequisitionState.SUBMITTED
        assert requisition.location_id == ward.hospital.clinic.id
        assert requisition.note == "Rush: The patient is waiting for it"
        assert row.encounter_id is not None
    assert "Undo" in words(ward.page())
    ward.do(do=f"withdraw:{row.id}")
    with transaction():
        db.session.expire_all()
        assert db.session.get_one(Requisition, row.requisition_id).state is RequisitionState.CANCELLED


def test_twice_the_same_form_counts_once(ward: Ward) -> None:
    shown = ward.do(scan=GLOVE)
    ward.do(shown, do="record")
    ward.do(shown, do="record", quantity="9")
    assert [one.quantity for one in ward.recorded()] == [1]


def test_the_next_scan_records_the_one_before_unless_it_is_stopped(ward: Ward) -> None:
    stopped = ward.do(scan=f"01{CATHETER}10GONE")
    refused = ward.do(stopped, scan=GLOVE)
    assert refused.status_code == 422
    assert "Urinary catheter, 14 Fr is stopped" in words(refused)
    assert not ward.recorded()
    cleared = ward.do(refused, do="clear")
    ward.do(ward.do(cleared, scan=GLOVE), scan=f"01{CATHETER}10SOON")
    assert [one.quantity for one in ward.recorded()] == [1]


def test_bad_input_gets_a_sentence(ward: Ward) -> None:
    for scan, sentence in (
        ("", "Scan a barcode, or type a name or number."),
        ("zzqqxx", "Nothing is called"),
        ("0109521101010104", "The last digit of 09521101010104 should be 7"),
        ("(01)00000000000017", "nobody here knows the item"),
        (".fly", "This command is not known"),
        (".3", "Scan the item first"),
        ("x" * 401, "too long"),
        ("\x00", "Scan a barcode"),
    ):
        shown = ward.do(scan=scan)
        assert shown.status_code in (200, 422), scan
        assert sentence in words(shown), scan
    hand = ward.do(scan=GLOVE)
    for quantity in ("", "0", "-1", "1.5", "NaN", "many", "99999999"):
        assert ward.do(hand, do="record", quantity=quantity).status_code in (303, 422), quantity
    assert len(ward.recorded()) <= 1
    for do in (
        "record",
        "request",
        "undo:999",
        "withdraw:1",
        "change:0",
        "pick:999999",
        "pick:x",
        "nonsense",
    ):
        assert ward.do(do=do).status_code in (404, 422), do


def test_a_barcode_that_nobody_understands_is_kept_for_a_check(ward: Ward) -> None:
    unread = ward.do(scan="0109521101010104")
    assert ward.do(unread, do="review").status_code == 303
    assert "Waits for a check" in words(ward.page())
    ward.do(do="finish")
    assert "Your part is done. 1 line waits for a check" in words(ward.page())


def test_only_who_records_there_sees_it_and_every_view_is_written_down(ward: Ward) -> None:
    shown = ward.page()
    assert NAME in words(shown)
    assert NAME not in shown.get_data(as_text=True).partition("</title>")[0]
    before = ward.views()
    ward.page()
    assert ward.views() == before + 1
    assert NAME not in words(ward.client.get("/care"))
    assert ward.case in words(ward.client.get("/care"))
    ward.client.sign_in(ward.hospital.email(Role.AP_ANALYST))
    assert ward.client.get(ward.url).status_code == 403
    assert ward.client.get("/care").status_code == 403
    assert ward.views() == before + 1
    with transaction():
        assert db.session.query(AccessRecord).filter_by(patient_id=ward.patient_id).count() == before + 1


def test_a_case_that_no_schedule_has(ward: Ward) -> None:
    begun = ward.client.submit("/care", {"procedure": "Wound care"}, action="/care")
    assert begun.status_code == 303
    ward.url = begun.headers["Location"]
    assert "Wound care" in words(ward.page())
    ward.do(ward.do(scan=GLOVE), do="record")
    assert len(ward.recorded()) == 1


def test_favorites_come_first_and_the_order_guide_without_any(ward: Ward) -> None:
    assert "Often used here" not in words(ward.page())
    ward.favorite(ward.hospital.catheter, "27130")
    ward.favorite(ward.hospital.gloves, "")
    text = words(ward.page())
    assert text.index("Urinary catheter, 14 Fr") < text.index("Exam glove, nitrile, medium")
    assert "15 pieces here" in text


def test_a_scan_asks_the_database_the_same_number_of_times_however_full_it_is(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), do="record")
    few = ward.statements(lambda: ward.scan_quickly(GLOVE))
    for _ in range(4):
        ward.do(ward.do(scan=GLOVE), do="record")
    manager = ward.hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        for number in range(10):
            stocked(manager, ward.hospital.clinic, ward.hospital.gloves.id, 1, lot=f"G{number}")
    assert ward.statements(lambda: ward.scan_quickly(GLOVE)) == few
    assert few <= 22
