"""Buy again, favorites, templates, and standing orders that request by themselves."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from integrations.canonical import Lifecycle
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import NotFound
from portal.identity.rules import Role
from portal.masterdata.models import ClosedDay, CostCenter, Item, Location
from portal.requisitions import carts
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requisition_services
from portal.requisitions.lists import jobs, queries, services
from portal.requisitions.lists.models import RequisitionTemplate, StandingOrder
from portal.requisitions.lists.rules import Rhythm
from portal.requisitions.models import Requisition
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import actions, colleague, fields, in_cart, submitted
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def held(hospital: Hospital) -> dict[str, int]:
    """The packs in the clinic manager's cart by item number."""
    db.session.expire_all()
    cart = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    return {line.item.code: int(line.quantity) for line in cart.lines} if cart else {}


def discontinue(item_id: int) -> None:
    """The item cannot be requested any more."""
    with transaction():
        db.session.get_one(Item, item_id).lifecycle = Lifecycle.DISCONTINUED


def test_buying_again_with_one_tap_or_all_at_once(manager: Visitor, hospital: Hospital) -> None:
    submitted(hospital, {hospital.catheter_offer: 3})
    past = submitted(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    text = " ".join(manager.get("/lists").text.split())
    assert text.index("Exam glove") != text.index("Urinary catheter")
    assert "4 BX" in text
    assert "3 BX" not in text, "the last quantity"
    answer = manager.submit(f"/requisitions/{past.id}", action=f"/requisitions/{past.id}/again")
    assert answer.status_code == 303
    assert held(hospital) == {"CATH-14": 4, "GLOVE-M": 2}
    discontinue(hospital.gloves.id)
    answer = manager.submit(f"/requisitions/{past.id}", action=f"/requisitions/{past.id}/again")
    assert "Left out, as nobody offers it now: Exam glove" in manager.get(answer.headers["Location"]).text
    assert held(hospital) == {"CATH-14": 8, "GLOVE-M": 2}
    with recorded() as many:
        manager.get("/lists")
    assert len(many) < 40


def test_favorites_are_a_persons_own(manager: Visitor, hospital: Hospital) -> None:
    page, action = f"/catalog/items/{hospital.gloves.id}", f"/catalog/items/{hospital.gloves.id}/favorite"
    for _ in range(2):
        sent = {"csrf_token": manager.csrf_token("/catalog")}
        assert manager.post(action, data=sent).status_code == 303
    assert "Take out of favorites" in manager.get(page).text
    star = f'formaction="{action}"'
    found = manager.get("/catalog?q=gloves").text
    assert star in found
    assert "out of favorites" in found.partition(star)[2].partition("</button>")[0]
    assert "Exam glove" in manager.get("/lists").text
    sent = {"csrf_token": manager.csrf_token("/catalog"), "next": "//elsewhere.example/"}
    assert manager.post("/catalog/items/999999999/favorite", data=sent).status_code == 404
    assert manager.post(action, data={**sent, "off": "1"}).headers["Location"] == "/"
    assert "No favorites yet" in manager.get("/lists").text


def saved(hospital: Hospital, *, shared: bool = False) -> RequisitionTemplate:
    """The cart of three catheters and two gloves, kept as Weekly round."""
    actor = hospital.actor(Role.CLINIC_MANAGER)
    cart = in_cart(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 2})
    with transaction():
        return services.save_template(actor, cart.id, "Weekly round", is_shared=shared)


def test_a_cart_is_kept_as_a_template_and_loaded(manager: Visitor, hospital: Hospital) -> None:
    cart = in_cart(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 2})
    page = f"/cart/{cart.id}/template"
    assert manager.submit(page, {"name": " ", "is_shared": "y"}, action=page).status_code == 422
    answer = manager.submit(page, {"name": "Weekly round", "is_shared": "y"}, action=page)
    assert answer.status_code == 303
    again = manager.submit(page, {"name": "weekly ROUND"}, action=page)
    assert "a template named weekly ROUND already" in again.text
    template = db.session.query(RequisitionTemplate).one()
    with transaction():
        second = colleague(Role.CLINIC_MANAGER)
        second.home_location_id = hospital.clinic.id
    manager.sign_in(second.email)
    assert manager.submit("/lists", action=f"/templates/{template.id}/load").status_code == 303
    text = manager.get("/cart").text
    assert "Urinary catheter" in text
    assert f"/templates/{template.id}/delete" not in manager.get("/lists").text
    sent = {"csrf_token": manager.csrf_token("/lists")}
    assert manager.post(f"/templates/{template.id}/delete", data=sent).status_code == 422
    manager.sign_in(hospital.email(Role.CLINIC_MANAGER))
    sent = {"csrf_token": manager.csrf_token("/lists")}
    assert manager.post(f"/templates/{template.id}/delete", data=sent).status_code == 303
    assert "No templates yet" in manager.get("/lists").text
    assert actions("requisition_template", template.id) == ["template.save", "template.delete"]


def test_templates_that_are_not_shared_stay_hidden(hospital: Hospital, client: Visitor) -> None:
    template = saved(hospital)
    with transaction():
        other = hospitals.build()
        elsewhere = other.email(Role.CLINIC_MANAGER)
    enter_organization(hospital.organization.id)
    with transaction():
        second = colleague(Role.CLINIC_MANAGER)
    for email in (second.email, elsewhere):
        client.sign_in(email)
        assert "Weekly round" not in client.get("/lists").text
        sent = {"csrf_token": client.csrf_token("/guide")}
        for action in ("load", "delete", "standing"):
            assert client.post(f"/templates/{template.id}/{action}", data=sent).status_code == 404


def standing(hospital: Hospital, *, due: date | None = None) -> StandingOrder:
    """The template every week, due today unless said otherwise."""
    template = saved(hospital, shared=True)
    today = clock.today(hospital.facility.time_zone)
    with transaction():
        order = services.begin_standing(
            hospital.actor(Role.CLINIC_MANAGER), template.id, Rhythm.WEEKLY, today.weekday()
        )
        order.due_on = due or today
    return order


def test_a_standing_order_is_requested_once_on_its_day(manager: Visitor, hospital: Hospital) -> None:
    order = standing(hospital)
    for _ in range(2):
        jobs.run_due(hospital.organization.id)
    enter_organization(hospital.organization.id)
    db.session.expire_all()
    (requested,) = db.session.query(Requisition).filter_by(source="standing").all()
    assert requested.number
    assert requested.requester_id == hospital.accounts[Role.CLINIC_MANAGER].id
    assert balance(hospital).requested == Decimal("74.50")
    after = db.session.get_one(StandingOrder, order.id)
    today = clock.today(hospital.facility.time_zone)
    assert (after.due_on, after.problem) == (today + timedelta(days=7), "")
    text = " ".join(manager.get("/lists").text.split())
    assert requested.number in text
    assert "Weekly round, every" in manager.get(f"/requisitions/{requested.id}").text
    assert manager.submit("/lists", action=f"/standing/{order.id}/end").status_code == 303
    assert db.session.query(StandingOrder).count() == 0


def test_a_closed_day_is_skipped_and_a_missed_week_is_not_made_up_for(hospital: Hospital) -> None:
    today = clock.today(hospital.facility.time_zone)
    with transaction():
        closed = ClosedDay(facility_id=hospital.facility.id, day=today, reason="Holiday")
        db.session.add(closed)
    order = standing(hospital, due=today - timedelta(days=15))
    with transaction():
        assert services.run(order.id) is None
    with transaction():
        db.session.delete(db.session.get_one(ClosedDay, closed.id))
    with transaction():
        assert services.run(order.id) is not None
    with transaction():
        assert services.run(order.id) is None
    db.session.expire_all()
    assert db.session.get_one(StandingOrder, order.id).due_on > today


def test_what_fails_becomes_a_sentence_and_a_cart(manager: Visitor, hospital: Hospital) -> None:
    order = standing(hospital)
    discontinue(hospital.gloves.id)
    with transaction():
        hospital.budget.amount = Decimal(1)
        db.session.merge(hospital.budget)
    with transaction():
        assert services.run(order.id) is None
    db.session.expire_all()
    after = db.session.get_one(StandingOrder, order.id)
    assert "Left out, as nobody offers it now: Exam glove" in after.problem
    assert "$1.00 available" in after.problem
    assert db.session.scalar(queries.problems(hospital.actor(Role.CLINIC_MANAGER))) == 1
    assert after.due_on > clock.today(hospital.facility.time_zone)
    assert balance(hospital).requested == 0
    text = manager.get("/lists").text
    assert "$1.00 available" in text
    assert "Weekly round" in manager.get("/cart").text
    assert held(hospital) == {"CATH-14": 3}
    assert actions("standing_order", order.id) == ["standing_order.begin", "standing_order.run"]


def test_a_standing_order_is_paused_and_only_by_its_owner(manager: Visitor, hospital: Hospital) -> None:
    order = standing(hospital)
    assert manager.submit("/lists", action=f"/standing/{order.id}/pause").status_code == 303
    jobs.run_due(hospital.organization.id)
    enter_organization(hospital.organization.id)
    assert balance(hospital).requested == 0
    assert "paused" in manager.get("/lists").text
    assert manager.submit("/lists", action=f"/standing/{order.id}/pause").status_code == 303
    with pytest.raises(NotFound), transaction():
        services.pause_standing(hospital.actor(Role.BUYER), order.id, is_paused=True)
    page = f"/templates/{order.template_id}/standing"
    assert manager.submit(page, {"when": ""}, action=page).status_code == 422
    assert manager.submit(page, {"when": "monthly-31"}, action=page).status_code == 303
    assert "on day 31 of every month" in manager.get("/lists").text


def surgery(hospital: Hospital) -> CostCenter:
    """A second cost center; the caller commits."""
    today = clock.today()
    center = CostCenter(
        code="CC200", name="Surgery", facility_id=hospital.facility.id, company_code="1010",
        valid_from=today - timedelta(days=1), valid_to=today + timedelta(days=365),
    )  # fmt: skip
    db.session.add(center)
    return center


def loaded(hospital: Hospital) -> list[tuple[str, str, list[tuple[str, Decimal]]]]:
    """Item, place and shares of the lines in the cart."""
    db.session.expire_all()
    now = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    assert now is not None
    return [
        (line.item.code, line.ship_to.code, [(one.cost_center.code, one.weight) for one in line.payers])
        for line in now.lines
    ]


def test_who_pays_and_where_it_goes_comes_along_or_falls_back_with_a_sentence(
    manager: Visitor, hospital: Hospital
) -> None:
    with transaction():
        center = surgery(hospital)
    cart = in_cart(hospital, {hospital.catheter_offer: 2, hospital.gloves_offer: 4})
    catheter, gloves = (line.id for line in cart.lines)
    action = f"/cart/{cart.id}/save"
    data = fields(manager, "/cart", action) | {f"split-{gloves}": "amount", f"center-{catheter}": "CC200"}
    assert manager.post(action, data=data).status_code == 303
    data = fields(manager, "/cart", action) | {f"place-{gloves}": "ST01"}
    for row, (code, part) in enumerate({"CC100": "20", "CC200": "9"}.items()):
        data |= {f"payer-{gloves}-{row}": code, f"part-{gloves}-{row}": part}
    assert manager.post(action, data=data).status_code == 303
    actor = hospital.actor(Role.CLINIC_MANAGER)
    db.session.expire_all()
    with transaction():
        template = services.save_template(actor, cart.id, "Round", is_shared=False)
        carts.remove(actor, cart.id)

    # The price has risen: what each pays of it stays in proportion.
    ordering.priced(hospital, hospital.gloves_offer, "14.50")
    assert manager.submit("/lists", action=f"/templates/{template.id}/load").status_code == 303
    shares = [("CC100", Decimal(40)), ("CC200", Decimal(18))]
    assert loaded(hospital) == [("CATH-14", "ED01", []), ("GLOVE-M", "ST01", shares)]
    now = requisitions.cart_of(actor, hospital.clinic.id)
    assert now is not None
    assert [one.cost_center.code for one in now.lines if one.cost_center] == ["CC200"]
    with transaction():
        past = requisition_services.submit(actor, now.id, seen_version=now.version)
    again = f"/requisitions/{past.id}"
    assert manager.submit(again, action=f"{again}/again").status_code == 303
    assert loaded(hospital) == [("CATH-14", "ED01", []), ("GLOVE-M", "ST01", shares)]
    # On the day it is requested by itself one cost center and the place are gone: it is as usual, and said.
    today = clock.today(hospital.facility.time_zone)
    with transaction():
        order = services.begin_standing(actor, template.id, Rhythm.WEEKLY, today.weekday())
        order.due_on = today
        db.session.get_one(CostCenter, center.id).active = False
        db.session.get_one(Location, hospital.storeroom.id).active = False
    jobs.run_due(hospital.organization.id)
    enter_organization(hospital.organization.id)
    db.session.expire_all()
    order = db.session.get_one(StandingOrder, order.id)
    assert order.last_requisition_id is not None
    assert "Exam glove, nitrile, medium: No such place, or not one you may request for: ST01" in order.problem
    assert order.problem.count("not one you may charge there: CC200. The usual cost center") == 2
    done = requisitions.find(order.last_requisition_id)
    assert done is not None
    assert [(line.ship_to.code, line.cost_center and line.cost_center.code) for line in done.lines] == [
        ("ED01", "CC100"), ("ED01", "CC100"),
    ]  # fmt: skip


def test_pasted_columns_say_who_pays_and_where_it_goes(manager: Visitor, hospital: Hospital) -> None:
    rows = "Code\tQty\tDeliver to\tCost center\nGLOVE-M\t3\tST01\t\nCATH-14\t2\t\tCC999"
    sent = {"rows": rows, "location": str(hospital.clinic.id)}
    answer = manager.submit("/cart", sent, action="/cart/paste")
    assert answer.status_code == 303
    assert (
        "No such cost center, or not one you may charge there: CC999. The usual" in manager.get("/cart").text
    )
    assert [(code, place) for code, place, _ in loaded(hospital)] == [
        ("GLOVE-M", "ST01"),
        ("CATH-14", "ED01"),
    ]
    # The same item for other payers is a line of its own; for the same ones it adds to theirs.
    with transaction():
        surgery(hospital)
    rows = "Code\tQty\tDeliver to\tCost center\nGLOVE-M\t1\tST01\tCC100 60 / CC200 40"
    rows += "\nGLOVE-M\t2\tST01\tCC200\nGLOVE-M\t4\tST01\tcc200 Surgery\nGLOVE-M\t8\tST01\tCC100"
    for _ in range(2):
        assert manager.submit("/cart", sent | {"rows": rows}, action="/cart/paste").status_code == 303
    now = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    assert now is not None
    assert [
        (int(line.quantity), line.cost_center and line.cost_center.code, len(line.payers))
        for line in now.lines
        if line.item.code == "GLOVE-M"
    ] == [(19, None, 0), (2, None, 2), (12, "CC200", 0)]


def test_one_tap_buys_again_for_the_same_place_paid_by_the_same_cost_centers(
    manager: Visitor, hospital: Hospital
) -> None:
    with transaction():
        surgery(hospital)
    rows = "Code\tQty\tDeliver to\tCost center\nGLOVE-M\t3\tST01\tCC100 60 / CC200 40"
    sent = {"rows": rows, "location": str(hospital.clinic.id)}
    assert manager.submit("/cart", sent, action="/cart/paste").status_code == 303
    actor = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        cart = requisitions.cart_of(actor, hospital.clinic.id)
        assert cart is not None
        needed = clock.today(hospital.facility.time_zone) + timedelta(days=4)
        cart.lines[0].need_by = needed
        db.session.flush()
        requisition_services.submit(actor, cart.id, seen_version=cart.version)
    page = manager.get("/lists").text
    assert (
        "paid 60 % by CC100 and 40 % by CC200, deliver to ST01 Central storeroom, needed within 4 days"
        in page
    )
    assert manager.submit("/lists", {"quantity": "7"}, action="/cart/lines").status_code == 303
    assert loaded(hospital) == [("GLOVE-M", "ST01", [("CC100", Decimal(60)), ("CC200", Decimal(40))])]
    now = requisitions.cart_of(actor, hospital.clinic.id)
    assert now is not None
    assert (now.lines[0].quantity, now.lines[0].need_by) == (7, needed)
    unknown = {"quantity": "1", "like": "999999998"}
    assert manager.submit("/lists", unknown, action="/cart/lines").status_code == 404
