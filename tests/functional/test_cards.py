"""Preference cards and favorites: written by scan, in an order, with undo; copied; kept from strangers."""

from portal.clinical.models import Favorite, PreferenceCard, PreferenceLine
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from tests.care_ward import CATHETER, GLOVE, PROCEDURE, Ward, ward, words
from tests.requesting import actions

__all__ = ["ward"]


def lines() -> list[tuple[int, int, int]]:
    """The items of the only card of a place, with how many to open and to hold."""
    with transaction():
        rows = db.session.query(PreferenceLine).join(PreferenceCard).order_by(PreferenceLine.position)
        of_place = rows.filter(PreferenceCard.location_id.is_not(None)).populate_existing()
        return [(one.item_id, int(one.to_open), int(one.to_hold)) for one in of_place]


def test_a_card_is_written_by_scan_and_used_in_the_case(ward: Ward) -> None:
    case, hospital = ward.url.split("/")[2], ward.hospital
    listed = f"/care/cards?location={hospital.clinic.id}&procedure={PROCEDURE}&case={case}"
    assert "Write a preference card" in words(ward.page())
    token = ward.client.csrf_token(listed)
    made = ward.client.post(listed, data={"procedure_code": PROCEDURE, "csrf_token": token})
    url = made.headers["Location"]
    assert f"case={case}" in url

    def do(values: dict[str, str], status: int = 303) -> str:
        shown = ward.client.submit(url, values, action=url.partition("?")[0])
        assert shown.status_code == status, words(shown)
        return words(ward.client.get(shown.headers["Location"]) if status == 303 else shown)

    for scan in (GLOVE, CATHETER, GLOVE):
        do({"scan": scan, "do": "add"})
    gloves, catheter = hospital.gloves.id, hospital.catheter.id
    assert lines() == [(gloves, 2, 0), (catheter, 1, 0)]
    assert "Nothing is called" in do({"scan": "no such thing", "do": "add"}, 422)
    assert "Which one?" in do({"scan": "catheter", "do": "add"}, 200)
    with transaction():
        first, second = db.session.query(PreferenceLine).order_by(PreferenceLine.position)
    assert "say how many" in do({f"open-{first.id}": "0", f"hold-{first.id}": "0"}, 422)
    assert "Enter a number" in do({f"open-{first.id}": "few"}, 422)
    do({f"open-{first.id}": "6", f"hold-{second.id}": "3", "do": f"down:{first.id}"})
    assert lines() == [(catheter, 1, 3), (gloves, 6, 0)]
    removed = ward.client.submit(url, {"do": f"remove:{second.id}"}, action=url.partition("?")[0])
    assert lines() == [(gloves, 6, 0)]
    undo = ward.client.get(removed.headers["Location"])
    assert "Urinary catheter, 14 Fr is removed." in words(undo)
    fields = {"do": f"restore:{catheter}", "open": "1", "hold": "3", "at": "0", "csrf_token": token}
    for _ in range(2):
        ward.client.post(url, data=fields)
    assert lines() == [(catheter, 1, 3), (gloves, 6, 0)]
    assert "Used as listed (2 items)" in words(ward.page())
    with transaction():
        card = db.session.query(PreferenceCard).one()
    assert (card.procedure_name, card.location_id) == ("Total hip", hospital.clinic.id)
    assert actions("preference_card", card.id)[0] == "preference_card.added"
    again = ward.client.post(listed, data={"procedure_code": PROCEDURE, "csrf_token": token})
    assert again.status_code == 422
    assert "has a card for this already" in words(again)
    ward.client.post(f"{url.partition('?')[0]}/delete", data={"csrf_token": token})
    assert lines() == []


def test_a_card_of_all_places_is_copied_before_it_is_changed(ward: Ward) -> None:
    hospital = ward.hospital
    ward.card({hospital.gloves: 5})
    with transaction():
        shared = db.session.query(PreferenceCard).one().id
    url = f"/care/cards/{shared}"
    ward.client.get(f"/care/cards?location={hospital.clinic.id}")
    token = ward.client.csrf_token(url)
    copied = ward.client.post(f"{url}/copy", data={"csrf_token": token})
    assert copied.status_code == 303
    assert lines() == [(hospital.gloves.id, 5, 0)]
    assert ward.client.get(copied.headers["Location"]).status_code == 200
    ward.client.sign_in(hospital.email(Role.BUYER))
    assert ward.client.get(url).status_code == 403


def test_favorites_are_chosen_ordered_and_taken_out(ward: Ward) -> None:
    hospital = ward.hospital
    url = f"/care/favorites?location={hospital.clinic.id}&procedure="
    gloves, catheter = hospital.gloves.id, hospital.catheter.id

    def do(values: dict[str, str]) -> str:
        shown = ward.client.submit(url, values, action="/care/favorites")
        assert shown.status_code == 303, words(shown)
        return shown.headers["Location"]

    def chosen() -> list[int]:
        with transaction():
            return [one.item_id for one in db.session.query(Favorite).order_by(Favorite.position)]

    do({"do": f"pick:{gloves}"})
    do({"scan": CATHETER, "do": "add"})
    do({"scan": CATHETER, "do": "add"})
    assert chosen() == [gloves, catheter]
    with transaction():
        last = db.session.query(Favorite).filter_by(item_id=catheter).one().id
    do({"do": f"up:{last}"})
    do({"do": f"up:{last}"})
    assert chosen() == [catheter, gloves]
    assert words(ward.page()).index("Urinary catheter") < words(ward.page()).index("Exam glove")
    after = do({"do": f"remove:{last}"})
    assert chosen() == [gloves]
    assert "is removed" in words(ward.client.get(after))
    assert ward.client.get(f"{after}&removed=x&at=-1").status_code == 200
    elsewhere = ward.client.get("/care/favorites?location=999999999")
    assert elsewhere.status_code == 404
