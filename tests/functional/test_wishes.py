"""What is not in the catalog: asked for, found by a buyer or refused with advice, and never a dead end."""

from decimal import Decimal

import pytest

from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, NotAllowed, NotFound
from portal.foundation.mail import Mail
from portal.identity import mailing
from portal.identity.rules import Role
from portal.requisitions import queries as requisitions
from portal.requisitions.wishes import queries, services
from portal.requisitions.wishes.models import Wish
from portal.requisitions.wishes.rules import WishState
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import actions
from tests.visitor import Visitor

ASKED = {"what": "Silicone catheter, 16 Fr", "quantity": "3", "why": "Latex allergy", "price": "$12.50"}


def asked(hospital: Hospital) -> Wish:
    """The clinic manager needs a silicone catheter."""
    wanted = services.Wanted("Silicone catheter, 16 Fr", Decimal(3), "Latex allergy")
    with transaction():
        return services.ask(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id, wanted)


def test_a_buyer_finds_it_and_the_requester_takes_it(client: Visitor, hospital: Hospital) -> None:
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert "Ask a buyer for it" in client.get("/catalog?q=zzzzz").text
    assert client.submit("/wishes/new?what=zzzzz", {}, action="/wishes/new").status_code == 422
    answer = client.submit("/wishes/new", ASKED, action="/wishes/new")
    assert answer.status_code == 303
    page = answer.headers["Location"]
    assert "With a buyer" in client.get(page).text
    client.sign_in(hospital.email(Role.BUYER))
    text = client.get("/wishes").text
    assert "Silicone catheter" in text
    assert db.session.scalar(queries.open_count(hospital.actor(Role.BUYER))) == 1
    action = f"{page}/answer"
    for code, sentence in (("", "Type the number"), ("NO-SUCH", "is no item that a supplier offers")):
        again = client.submit(page, {"code": code}, action=action)
        assert again.status_code == 422
        assert sentence in again.text
    sent = {"code": "CATH-14", "is_alternative": "y", "words": "Latex free as well"}
    assert client.submit(page, sent, action=action).status_code == 303
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    text = client.get(page).text
    assert "Another item proposed" in text
    assert "Latex free as well" in text
    assert client.submit(page, action=f"{page}/take").status_code == 303
    cart = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    assert cart is not None
    assert [(line.item.code, line.quantity) for line in cart.lines] == [("CATH-14", 3)]
    assert actions("wish", int(page.rpartition("/")[2])) == ["wish.ask", "wish.propose"]


def test_who_asked_is_told_of_each_answer(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "is_on", lambda: True)  # mails are written
    wish = asked(hospital)
    buyer, manager = hospital.actor(Role.BUYER), hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        services.refuse(buyer, wish.id, "Too expensive")
    with transaction():
        services.ask_again(manager, wish.id, "Latex would harm the patient.")
    with transaction():
        services.answer(buyer, wish.id, "CATH-14", "", is_alternative=True)
    mails = db.session.query(Mail).order_by(Mail.id).all()
    assert [one.address for one in mails] == [hospital.email(Role.CLINIC_MANAGER)] * 2
    assert "You may ask again." in mails[0].body
    assert "proposes another item" in mails[1].body
    assert "Latex" not in mails[0].body + mails[1].body, "what was written stays in the portal"


def test_a_buyer_makes_it_an_item_that_is_found_and_requested(client: Visitor, hospital: Hospital) -> None:
    wish = asked(hospital)
    page = f"/wishes/{wish.id}/item"
    client.sign_in(hospital.email(Role.BUYER))
    assert page in client.get(f"/wishes/{wish.id}").text
    assert 'value="Silicone catheter, 16 Fr"' in client.get(page).text, "what is known stands there"
    sent = {
        "code": "CATH-16S",
        "supplier": str(hospital.supplier.id),
        "supplier_part": "S-CATH-16S",
        "base_uom": "ea",
        "uom": "bx",
        "factor": "10",
        "list_price": "31.50",
        "gl_account": str(hospital.gl_account.id),
    }
    bad = [
        ("code", "GLOVE-M", "There is an item GLOVE-M already"),
        ("base_uom", "each", "is not a unit code"),
        ("uom", "EA", "One EA holds one EA"),
        ("list_price", "cheap", "Enter an amount"),
        ("supplier", "", "Choose a supplier"),
    ]
    for name, typed, sentence in bad:
        answer = client.submit(page, {**sent, name: typed}, action=page)
        assert (answer.status_code, sentence in answer.text) == (422, True), name
    assert client.submit(page, sent, action=page).status_code == 303
    assert client.submit(page, {**sent, "code": "CATH-17"}, action=page).status_code == 409
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert client.submit(f"/wishes/{wish.id}", action=f"/wishes/{wish.id}/take").status_code == 303
    cart = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    assert cart is not None
    assert [(line.item.code, line.quantity, line.uom, line.amount) for line in cart.lines] == [
        ("CATH-16S", 3, "BX", Decimal("94.50"))
    ]
    assert "CATH-16S" in client.get("/catalog?q=silicone").text
    assert actions("item", cart.lines[0].item_id) == ["item.set_up"]


def test_a_refusal_says_what_to_do_and_can_be_answered(client: Visitor, hospital: Hospital) -> None:
    wish = asked(hospital)
    page = f"/wishes/{wish.id}"
    client.sign_in(hospital.email(Role.BUYER))
    assert client.submit(page, {"reason": "Too expensive"}, action=f"{page}/refuse").status_code == 422
    sent = {"reason": "Too expensive", "advice": "Use the 14 Fr one"}
    assert client.submit(page, sent, action=f"{page}/refuse").status_code == 303
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    text = client.get(page).text
    assert "Too expensive. Use the 14 Fr one" in text
    assert "Search the catalog" in text
    assert client.submit(page, {"again": " "}, action=f"{page}/again").status_code == 422
    assert client.submit(page, {"again": "The surgeon insists"}, action=f"{page}/again").status_code == 303
    assert "The surgeon insists" in client.get(page).text
    assert client.submit(page, action=f"{page}/withdraw").status_code == 303
    assert db.session.get_one(Wish, wish.id, populate_existing=True).state is WishState.WITHDRAWN


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("what", "", "Say what you need"),
        ("quantity", "0", "above zero"),
        ("price", "cheap", "Enter an amount"),
        ("price", "NaN", "Enter an amount"),
        ("link", "javascript:alert(1)", "whole address"),
        ("why", "x" * 1001, "at most 1000"),
    ],
)
def test_what_cannot_be_is_said(
    client: Visitor, hospital: Hospital, name: str, typed: str, sentence: str
) -> None:
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    answer = client.submit("/wishes/new", {**ASKED, name: typed}, action="/wishes/new")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert db.session.query(Wish).count() == 0


def test_only_buyers_answer_and_only_those_concerned_see_it(client: Visitor, hospital: Hospital) -> None:
    wish = asked(hospital)
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    for email in (hospital.email(Role.APPROVER), other.email(Role.BUYER)):
        client.sign_in(email)
        assert client.get(f"/wishes/{wish.id}").status_code == 404, email
    with pytest.raises(NotAllowed), transaction():
        services.refuse(hospital.actor(Role.CLINIC_MANAGER), wish.id, "No")
    with pytest.raises(NotFound), transaction():
        services.refuse(hospital.actor(Role.RECEIVER), wish.id, "No")
    with pytest.raises(Conflict), transaction():
        services.take(hospital.actor(Role.CLINIC_MANAGER), wish.id)
    with transaction():
        services.refuse(hospital.actor(Role.BUYER), wish.id, "No")
    with pytest.raises(Conflict), transaction():
        services.refuse(hospital.actor(Role.BUYER), wish.id, "No")
    with pytest.raises(NotAllowed), transaction():
        services.withdraw(hospital.actor(Role.BUYER), wish.id)
