"""The pages of suggestions, par levels, policy and cards, as a clinic manager and a storeroom use them."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.inventory.models import ParLevel
from portal.replenishment import queries, services
from portal.requisitions.models import Requisition
from tests.hospital import Hospital
from tests.requesting import offered, par, stocked
from tests.statements import recorded
from tests.visitor import Visitor

TODAY = clock.today("America/Chicago")


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in; gloves are below par."""
    with transaction():
        stocked(hospital.actor(Role.RECEIVER), hospital.clinic, hospital.gloves.id, 12)
        par(hospital.clinic, hospital.gloves.id, 40, 40)
        services.refresh(hospital.clinic.id)
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def post(client: Visitor, path: str, data: Mapping[str, object] | None = None) -> TestResponse:
    """Sends what a form of the portal would send."""
    return client.post(path, data={**(data or {}), "csrf_token": client.csrf_token("/par")})


def level_id() -> int:
    """The only par level."""
    return db.session.scalars(select(ParLevel.id)).one()


def test_a_suggestion_is_changed_and_requested(manager: Visitor, hospital: Hospital) -> None:
    text = manager.get("/replenishment").text
    assert "par 40, on hand 12, pack of 10 → 3 boxes" in text
    (suggestion,) = queries.open_at(hospital.clinic.id)
    (line,) = suggestion.lines
    for typed, said in (("x", "Enter a number"), ("1.5", "whole number"), ("0", "at least one line")):
        answer = post(manager, f"/replenishment/{suggestion.id}", data={f"line-{line.id}": typed})
        assert answer.status_code == 422
        assert said in answer.text
        assert f'value="{typed}"' in answer.text, "nothing typed is lost"
    answer = post(manager, f"/replenishment/{suggestion.id}", data={f"line-{line.id}": "2"})
    requisition = db.session.scalars(select(Requisition)).one()
    assert answer.location.endswith(f"/requisitions/{requisition.id}")
    assert f"{requisition.number} is submitted" in manager.get(answer.location).text
    again = post(manager, f"/replenishment/{suggestion.id}", data={f"line-{line.id}": "2"})
    assert again.status_code == 409
    assert "Nothing to request" in manager.get("/replenishment").text


def test_an_item_is_snoozed_and_woken(manager: Visitor) -> None:
    path = f"/par/{level_id()}/snooze"
    assert "Snooze Exam glove" in manager.get(path).text
    for data in ({}, {"until": "x", "reason": "a"}, {"until": TODAY.isoformat(), "reason": "a"}):
        assert post(manager, path, data=data).status_code == 422
    day = TODAY + timedelta(days=3)
    assert post(manager, path, data={"until": day.isoformat(), "reason": "Clinic closed"}).status_code == 303
    assert "Nothing to request" in manager.get("/replenishment").text
    assert "Clinic closed" in manager.get("/par").text
    assert post(manager, f"/par/{level_id()}/wake").status_code == 303
    assert "3 boxes" in manager.get("/replenishment").text


def test_par_levels_are_added_changed_and_removed(manager: Visitor, hospital: Hospital) -> None:
    values = {"method": "level", "minimum": "5", "maximum": "20", "critical": "2", "round_up_from": ""}
    for changed, said in (
        ({"code": "NOPE"}, "No item has this number"),
        ({"code": "GLOVE-M"}, "kept here already"),
        ({"code": "CATH-14", "minimum": "30"}, "above the maximum"),
        ({"code": "CATH-14", "critical": "9"}, "above the minimum"),
        ({"code": "CATH-14", "maximum": ""}, "how many to keep"),
        ({"code": "CATH-14", "method": "kanban", "minimum": "20", "critical": "0"}, "two bins"),
        ({"code": "CATH-14", "method": "guess"}, "Not a valid choice"),
    ):
        answer = post(manager, "/par/new", data={**values, **changed})
        assert answer.status_code == 422, changed
        assert said in answer.text, changed
    assert manager.get("/par/new").status_code == 200
    assert post(manager, "/par/new", data={**values, "code": "cath-14"}).status_code == 303
    text = manager.get("/par").text
    for shown in ("5 to 20, critical 2", "Out of stock", "today"):
        assert shown in text
    added = db.session.scalars(select(ParLevel.id).where(ParLevel.item_id == hospital.catheter.id)).one()
    assert "Urinary catheter" in manager.get("/replenishment").text
    assert 'value="20"' in manager.get(f"/par/{added}").text
    bins = {**values, "method": "kanban", "critical": "", "minimum": "10"}
    assert post(manager, f"/par/{added}", data=bins).status_code == 303
    assert f"card KB-{added}" in manager.get("/par?q=cath-14").text
    assert "2 bins of 10" in manager.get("/par").text
    assert "GLOVE-M" not in manager.get("/par?q=catheter").text
    assert post(manager, f"/par/{added}/remove").status_code == 303
    assert "CATH-14" not in manager.get("/par").text


def test_the_policy_of_a_location(manager: Visitor, hospital: Hospital) -> None:
    text = manager.get("/par/policy").text
    assert text.count("checked") == 7
    assert "Clinic manager" in text
    path = f"/par/policy/{hospital.clinic.id}"
    refused = post(manager, path, data={"review_days": ["0"], "auto_submit": "y", "requester": ""})
    assert refused.status_code == 422
    assert "Choose as whom" in refused.text
    receiver = hospital.accounts[Role.RECEIVER].id
    refused = post(manager, path, data={"auto_submit": "y", "requester": str(receiver)})
    assert refused.status_code == 422
    assert "may not request" in refused.text
    requester = str(hospital.accounts[Role.CLINIC_MANAGER].id)
    every = [str(day) for day in range(7)]
    taken = post(manager, path, data={"review_days": every, "auto_submit": "y", "requester": requester})
    assert taken.status_code == 303
    assert len(db.session.scalars(select(Requisition)).all()) == 1, "it asks by itself from now on"


def test_the_storeroom_scans_empty_bins_one_after_the_other(
    manager: Visitor, hospital: Hospital, client: Visitor
) -> None:
    values = {"method": "kanban", "minimum": "10", "maximum": "20", "critical": "", "round_up_from": ""}
    assert post(manager, f"/par/{level_id()}", data=values).status_code == 303
    printed = manager.get("/par/cards").text
    assert f"Barcode KB-{level_id()}" in printed
    assert "bin of 10 EA" in printed
    client.sign_in(hospital.email(Role.RECEIVER))
    assert "autofocus" in client.get("/par/empty").text
    for code in ("", "nonsense", "KB-99999999999999999"):
        assert post(client, "/par/empty", data={"code": code}).status_code == 422
    for _ in range(2):
        assert post(client, "/par/empty", data={"code": f"kb-{level_id()}"}).status_code == 303
    assert "asked for once" in client.get("/par/empty").text
    (suggestion,) = queries.open_at(hospital.clinic.id)
    assert [line.packs for line in suggestion.lines] == [1]
    assert client.get("/replenishment").status_code == 403


def test_many_par_lines_are_asked_for_as_few(manager: Visitor, hospital: Hospital) -> None:
    manager.get("/par")
    with recorded() as few:
        manager.get("/par")
    with transaction():
        for number in range(60):
            offer = offered(hospital, f"P-{number}", "Paper")
            stocked(hospital.actor(Role.RECEIVER), hospital.clinic, offer.item_id, 1)
            par(hospital.clinic, offer.item_id, 5, 9)
    with recorded() as many:
        assert "1–50</span> of <span" in manager.get("/par").text
    assert len(many) == len(few)
    with recorded() as refreshing, transaction():
        services.refresh(hospital.clinic.id)
    assert len(refreshing) < 40, "60 new lines, a constant number of statements"
