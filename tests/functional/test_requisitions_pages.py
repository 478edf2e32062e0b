"""What was requested: the list, the page that follows it by itself, withdrawing and closing."""

import csv
import io
import re
from decimal import Decimal

import pytest

from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.identity.rules import Role
from portal.requisitions import services
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import actions, approve, approved, colleague, in_cart, submitted
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def text_of(client: Visitor, page: str) -> str:
    """The page in one line."""
    answer = client.get(page)
    assert answer.status_code == 200, page
    return " ".join(answer.get_data(as_text=True).split())


def states(text: str) -> list[str]:
    """The states of the steps, in order."""
    return re.findall(r'class="step step-(\w+)"', text)


def test_the_page_follows_a_requisition_to_the_shelf(manager: Visitor, hospital: Hospital) -> None:
    ordering.connect(hospital)
    requisition = submitted(hospital, {hospital.catheter_offer: 4})
    page = f"/requisitions/{requisition.id}"
    text = text_of(manager, page)
    assert states(text) == ["done", "current", *["pending"] * 4]
    assert "Waits for, CC100 Emergency" in text
    assert "Approver" in text, "who has it"
    requisition = approve(hospital, requisition)
    assert states(text_of(manager, page)) == ["done", "done", "current", *["pending"] * 3]
    order = ordering.taken(ordering.placed_lines(hospital, [line.id for line in requisition.lines]))
    text = text_of(manager, page)
    assert states(text) == ["done", "done", "done", "current", "pending", "pending"]
    assert f"/orders/{order.id}" in text
    answered = {10: [ordering.part(3), ordering.part(1, "backordered")]}
    ordering.confirm(ordering.confirmation(order.number, answered))
    text = text_of(manager, page)
    assert states(text) == ["done", "done", "done", "problem", "pending", "pending"]
    assert "1 BX backordered" in text
    ordering.ship(ordering.ship_notice(order.number, {10: [ordering.lot(3, "L1")]}))
    text = text_of(manager, page)
    assert states(text)[4] == "current"
    assert "3 of 4 BX" in text
    ordering.received(hospital, order, {10: 3})
    text = text_of(manager, page)
    assert "3 shipped, 3 received" in text
    assert "Partly received" in text
    assert "Partly received" in text_of(manager, "/requisitions")


def test_the_page_changes_by_itself_only_when_something_changed(manager: Visitor, hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 4})
    text = text_of(manager, f"/requisitions/{requisition.id}")
    live = re.findall(r'hx-get="([^"]+/live[^"]+)"', text)[0].replace("&amp;", "&")
    answer = manager.get(live)
    assert (answer.status_code, answer.data) == (204, b"")
    approve(hospital, requisition)
    answer = manager.get(live)
    assert answer.status_code == 200
    assert "Approved, to be ordered" in answer.get_data(as_text=True)
    assert "<html" not in answer.get_data(as_text=True)
    following = re.findall(r'hx-get="([^"]+)"', answer.get_data(as_text=True))[0].replace("&amp;", "&")
    assert manager.get(following).status_code == 204
    assert manager.get(f"/requisitions/{requisition.id}/live?seen=x").status_code == 200


def test_the_list_filters_and_tells_the_derived_state(manager: Visitor, hospital: Hospital) -> None:
    first = submitted(hospital, {hospital.catheter_offer: 1})
    second = approved(hospital, {hospital.gloves_offer: 1})
    for arguments, shown, hidden in (
        ("", [first, second], []),
        ("?state=waiting", [first], [second]),
        ("?state=to_order", [second], [first]),
        ("?state=withdrawn", [], [first, second]),
        ("?q=glove", [second], [first]),
        (f"?q={first.number}", [first], [second]),
        ("?q=GLOVE-M", [second], [first]),
        ("?q=Clinic+manager&mine=y", [first, second], []),
        ("?state=nonsense&page=-1", [first, second], []),
    ):
        text = text_of(manager, f"/requisitions{arguments}")
        assert all(str(one.number) in text for one in shown), arguments
        assert not any(str(one.number) in text for one in hidden), arguments
    for odd in ("%", "_", "\\", "'", "\0", "x" * 500):
        assert manager.get("/requisitions", query_string={"q": odd}).status_code == 200
    assert "No requisition matches" in text_of(manager, "/requisitions?q=zzz")


def test_lists_and_pages_ask_as_little_for_many_rows(manager: Visitor, hospital: Hospital) -> None:
    ordering.connect(hospital)
    one = approved(hospital, {hospital.catheter_offer: 1})
    ordering.placed_lines(hospital, [line.id for line in one.lines])
    manager.get("/requisitions")
    with recorded() as few:
        manager.get("/requisitions")
    for _ in range(3):
        more = approved(hospital, {hospital.catheter_offer: 1, hospital.gloves_offer: 1})
        ordering.placed_lines(hospital, [line.id for line in more.lines])
    with recorded() as many:
        manager.get("/requisitions")
    assert len(many) == len(few)
    counts = []
    for page in [f"/requisitions/{requisition.id}" for requisition in (one, more)]:
        with recorded() as asked:
            manager.get(page)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_only_those_concerned_see_a_requisition(client: Visitor, hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    with transaction():
        elsewhere = colleague(Role.BUYER, facility_id=_other_facility(hospital))
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    pages = [f"/requisitions/{requisition.id}", f"/requisitions/{requisition.id}/live"]
    for email, status in (
        (hospital.email(Role.CLINIC_MANAGER), 200),
        (hospital.email(Role.APPROVER), 200),
        (hospital.email(Role.BUYER), 200),
        (hospital.email(Role.CLINICIAN), 404),
        (elsewhere.email, 404),
        (other.email(Role.CLINIC_MANAGER), 404),
    ):
        client.sign_in(email)
        assert [client.get(page).status_code for page in pages] == [status, status], email
        listed = client.get("/requisitions").get_data(as_text=True)
        assert (f"/requisitions/{requisition.id}" in listed) == (status == 200), email
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    assert client.get("/requisitions").status_code == 403


def _other_facility(hospital: Hospital) -> int:
    copied = type(hospital.facility)(code="2020", name="Other hospital")
    db.session.add(copied)
    db.session.flush()
    return copied.id


def test_a_cart_has_no_page_of_its_own(manager: Visitor, hospital: Hospital) -> None:
    cart = in_cart(hospital, {hospital.catheter_offer: 1})
    assert manager.get(f"/requisitions/{cart.id}").status_code == 404


# Withdrawing


def test_withdrawing_gives_the_budget_back_once(manager: Visitor, hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 4})
    page, action = f"/requisitions/{requisition.id}", f"/requisitions/{requisition.id}/withdraw"
    sent = {"csrf_token": manager.csrf_token(page)}
    for _ in range(2):
        assert manager.post(action, data=sent).status_code == 303
    assert balance(hospital).available == 1000
    assert actions("requisition", requisition.id) == ["requisition.submit", "requisition.withdraw"]
    text = text_of(manager, page)
    assert "Withdrawn before it was decided." in text
    assert action not in text
    assert f"{page}/live" not in text, "nothing more is going to happen"


def test_what_is_decided_cannot_be_withdrawn(manager: Visitor, hospital: Hospital) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    action = f"/requisitions/{requisition.id}/withdraw"
    sent = {"csrf_token": manager.csrf_token("/requisitions")}
    answer = manager.post(action, data=sent)
    assert answer.status_code == 409
    assert "Close the lines you no longer need instead" in answer.get_data(as_text=True)
    assert balance(hospital).requested == 80


def test_nobody_withdraws_for_another_person(hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 4})
    for role in (Role.BUYER, Role.APPROVER, Role.CLINICIAN):
        with pytest.raises(NotFound), transaction():
            services.withdraw(hospital.actor(role), requisition.id)


# Closing


def close(client: Visitor, requisition: Requisition, **values: str) -> tuple[int, str]:
    """Fills and sends the page that closes the first line."""
    page = f"/requisitions/{requisition.id}/lines/{requisition.lines[0].id}/close"
    sent = {"reason": "No longer needed", "words": "", **values}
    answer = client.submit(page, sent, action=page)
    return answer.status_code, answer.get_data(as_text=True)


def test_closing_the_open_part_gives_its_budget_back_and_says_why(
    manager: Visitor, hospital: Hospital
) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    assert close(manager, requisition, words="ward is closed")[0] == 303
    assert balance(hospital).requested == Decimal("14.50")
    text = text_of(manager, f"/requisitions/{requisition.id}")
    assert "Line 1 closed" in text
    assert "No longer needed: ward is closed" in text
    assert actions("requisition", requisition.id)[-1] == "requisition.close_line"
    page = f"/requisitions/{requisition.id}/lines/{requisition.lines[0].id}/close"
    sent = {"csrf_token": manager.csrf_token("/requisitions"), "reason": "No longer needed"}
    assert manager.get(page).status_code == 409
    assert manager.post(page, data=sent).status_code == 409
    assert balance(hospital).requested == Decimal("14.50")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reason": ""}, "Choose a reason"),
        ({"reason": "Because"}, "Choose a reason from the list."),
        ({"reason": "Other"}, "Say in your words"),
        ({"reason": "Other", "words": "   "}, "Say in your words"),
        ({"words": "x" * 301}, "at most 300"),
    ],
)
def test_a_reason_is_needed(
    manager: Visitor, hospital: Hospital, values: dict[str, str], sentence: str
) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    status, text = close(manager, requisition, **values)
    assert status == 422
    assert sentence in text
    assert balance(hospital).requested == 80


def test_buyers_may_close_others_may_not(hospital: Hospital, client: Visitor) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    with pytest.raises(NotAllowed), transaction():
        services.close_line(
            hospital.actor(Role.APPROVER), requisition.id, requisition.lines[0].id, "No longer needed"
        )
    client.sign_in(hospital.email(Role.BUYER))
    assert close(client, requisition)[0] == 303
    assert balance(hospital).available == 1000


def test_what_is_ordered_is_not_closed(hospital: Hospital) -> None:
    ordering.connect(hospital)
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    line = requisition.lines[0]
    ordering.placed_lines(hospital, [line.id])
    with pytest.raises(Conflict, match="Nothing of this line is open"), transaction():
        services.close_line(hospital.actor(Role.CLINIC_MANAGER), requisition.id, line.id, "No longer needed")
    assert (balance(hospital).requested, balance(hospital).ordered) == (0, 80)


def test_a_waiting_line_is_withdrawn_not_closed(hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 4})
    manager = hospital.actor(Role.CLINIC_MANAGER)
    with pytest.raises(Conflict, match="Withdraw the requisition instead"), transaction():
        services.close_line(manager, requisition.id, requisition.lines[0].id, "No longer needed")
    with pytest.raises(Invalid, match="Say why"), transaction():
        services.close_line(manager, requisition.id, requisition.lines[0].id, "  ")
    with pytest.raises(NotFound), transaction():
        services.close_line(manager, requisition.id, 10**12, "No longer needed")
    assert db.session.get_one(Requisition, requisition.id).state is RequisitionState.SUBMITTED


# Sorting and the file


def test_the_list_is_sorted_and_exported_line_by_line(manager: Visitor, hospital: Hospital) -> None:
    small = submitted(hospital, {hospital.gloves_offer: 1})
    large = submitted(hospital, {hospital.catheter_offer: 5, hospital.gloves_offer: 1})
    for sort, first in (("amount", small), ("-amount", large), ("number", small), ("-number", large)):
        text = text_of(manager, f"/requisitions?sort={sort}").partition('id="results"')[2]
        other = large if first is small else small
        assert text.index(str(first.number)) < text.index(str(other.number)), sort
    assert manager.get("/requisitions?sort=x;drop").status_code == 200
    answer = manager.get(f"/requisitions.csv?q={large.number}")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert answer.mimetype == "text/csv"
    assert [(row["requisition"], row["line"], row["item number"], row["amount"]) for row in rows] == [
        (large.number, "1", "CATH-14", "100"),
        (large.number, "2", "GLOVE-M", "7.25"),
    ]
    assert {row["state"] for row in rows} == {"Waiting for approval"}
    manager.sign_in(hospital.email(Role.ADMINISTRATOR))
    assert manager.get("/requisitions.csv").status_code == 403
