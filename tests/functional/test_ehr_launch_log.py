"""A whole launch with marked values: nothing of a patient, token or code is in a log or an address."""

import logging
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import undefer

from portal.clinical.models import Launch
from portal.foundation.db import db, enter_organization
from tests.ehr_sandbox import Ehr, app_with_key, sandbox_ehr
from tests.hospital import Hospital

PATIENT = ("Test patient A", "patient-a", "MRN-A-1001", "1950-03-01", "encounter-a", "VISIT-A-1")


@pytest.fixture(scope="module")
def signing_app(app: Flask) -> Iterator[Flask]:
    with app_with_key() as made:
        yield made


def test_nothing_secret_leaves_by_a_log_or_an_address(
    hospital: Hospital,
    signing_app: Flask,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with sandbox_ehr(signing_app, hospital) as ehr:
        secrets, addresses = _launched(ehr, hospital)
    printed = capfd.readouterr()
    logged = f"{printed.out}{printed.err}{caplog.text}"
    # The code and state stand in the one address that the EHR itself redirects to, nowhere else.
    assert not [one for one in (*secrets, *PATIENT) if one in logged]
    assert not [one for one in (*secrets, *PATIENT) for address in addresses if one in address]


def _launched(ehr: Ehr, hospital: Hospital) -> tuple[list[str], list[str]]:
    """Secrets of a launch, and the addresses the portal showed."""
    ehr.add("epic")
    browser = ehr.browser()
    back = ehr.begin(browser, "epic")
    page = browser.get(back).headers["Location"]
    shown = browser.get(page)
    assert "Test patient A" in shown.get_data(as_text=True)
    ehr.launch(browser, "epic")
    browser.get(back)
    given = parse_qs(urlsplit(back).query)
    db.session.rollback()
    enter_organization(hospital.organization.id)
    tokens = select(Launch).options(
        undefer(Launch.access_token), undefer(Launch.refresh_token), undefer(Launch.code_verifier)
    )
    rows = db.session.scalars(tokens).all()
    sealed = [value for row in rows for value in (row.access_token, row.refresh_token) if value]
    assert len(sealed) == 4
    return [*sealed, given["code"][0], given["state"][0]], [page]
