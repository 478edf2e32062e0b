"""Imports in the browser: upload, preview, errors, apply once, discard; carried out by a real worker."""

import csv
import io
from collections.abc import Callable
from threading import Thread

import pytest
from flask import Flask
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.jobs import queue
from portal.identity.rules import Role
from portal.masterdata import importing, jobs, services
from portal.masterdata.models import GlAccount, ImportRun, Supplier
from portal.masterdata.rules import ImportKind, ImportState
from tests.hospital import Hospital, build
from tests.unit.workbooks import repacked, workbook
from tests.visitor import Visitor

PAGE = "/master-data/imports"
GOOD = "code,name\n6510,Supplies\n6520,Implants\n"
BAD = "code,name\n6510,Supplies\n6510,Again\n,No code\n"


class Importer:
    """An administrator at the import pages, and the worker behind."""

    def __init__(self, client: Visitor, hospital: Hospital) -> None:
        self.client, self.hospital = client, hospital
        client.sign_in(hospital.email(Role.ADMINISTRATOR))

    def upload(self, content: bytes | str, name: str = "gl.csv", kind: str = "gl_accounts") -> TestResponse:
        """Sends the upload form."""
        file = io.BytesIO(content.encode() if isinstance(content, str) else content)
        values = {"kind": kind, "file": (file, name)}
        return self.client.submit(PAGE, values, action=PAGE, content_type="multipart/form-data")

    def uploaded(self, content: bytes | str, **options: str) -> str:
        """Uploads and returns the address of the import's page."""
        answer = self.upload(content, **options)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return str(answer.headers["Location"])

    def work(self) -> None:
        """A real worker does what is queued."""
        jobs_queue = queue("masterdata")
        SimpleWorker([jobs_queue], connection=jobs_queue.connection, serializer=JSONSerializer).work(
            burst=True, logging_level="ERROR"
        )

    def text(self, address: str) -> str:
        """A page."""
        answer = self.client.get(address)
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    def press(self, page: str, action: str) -> TestResponse:
        """Presses the button of an import's page."""
        return self.client.submit(page, action=f"{page}/{action}")

    def run(self) -> ImportRun:
        """The newest import."""
        db.session.rollback()
        db.session.expire_all()
        enter_organization(self.hospital.organization.id)
        return db.session.scalars(select(ImportRun).order_by(ImportRun.id.desc()).limit(1)).one()

    def accounts(self) -> int:
        """How many GL accounts there are."""
        db.session.rollback()
        return db.session.scalar(select(func.count()).select_from(GlAccount)) or 0


@pytest.fixture
def importer(app: Flask, client: Visitor, hospital: Hospital) -> Importer:
    app.extensions["redis"].flushdb()
    return Importer(client, hospital)


def test_a_file_is_previewed_and_imported(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    assert "Reading the rows" in importer.text(page)
    importer.work()
    shown = importer.text(page)
    assert "To be decided" in shown
    assert "Import these rows" in shown
    assert importer.accounts() == 1, "nothing is written before the decision"
    assert importer.press(page, "apply").status_code == 303
    assert "Importing the rows" in importer.text(page)
    importer.work()
    assert "Imported" in importer.text(page)
    assert importer.accounts() == 3
    run = importer.run()
    assert (run.state, run.rows, run.added, run.changed) == (ImportState.APPLIED, 2, 2, 0)


def test_the_page_polls_only_while_something_happens(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    assert 'hx-trigger="every 1s"' in importer.text(page)
    seen = importer.text(page).partition("seen=")[2].partition('"')[0]
    assert importer.client.get(f"{page}/live?seen={seen}").status_code == 204
    importer.work()
    live = importer.client.get(f"{page}/live?seen={seen}")
    assert live.status_code == 200
    assert "every 1s" not in live.get_data(as_text=True)
    assert "<html" not in live.get_data(as_text=True)


def test_changes_are_shown_with_old_and_new(importer: Importer) -> None:
    row = f"{importer.hospital.gl_account.code},New name"
    page = importer.uploaded(f"code,name\n{row}\n")
    importer.work()
    shown = importer.text(page)
    assert "<del>" in shown
    assert "Medical supplies" in shown
    assert "New name" in shown


def test_errors_are_listed_by_row_and_column_and_block_the_import(importer: Importer) -> None:
    page = importer.uploaded(BAD)
    importer.work()
    shown = importer.text(page)
    assert "Row 2 has the same code already" in shown
    assert "code is missing" in shown
    assert "Import these rows" not in shown
    token = importer.client.csrf_token(page)
    forced = importer.client.post(f"{page}/apply", data={"csrf_token": token})
    assert forced.status_code == 422
    importer.work()
    assert importer.accounts() == 1
    errors = list(csv.reader(io.StringIO(importer.text(f"{page}/errors.csv").lstrip("\ufeff"))))
    assert errors[0] == ["row", "column", "error"]
    assert [row[:2] for row in errors[1:]] == [["3", "code"], ["4", "code"]]


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "gl.csv", "empty"),
        ("code,name\n", "gl.csv", "no rows below the header"),
        ("code,nam\n1,x\n", "gl.csv", "Did you mean &#34;name&#34;?"),
        (bytes.fromhex("d0cf11e0a1b11ae1") * 100, "gl.xls", "password-protected"),
        (b"not a workbook", "gl.xlsx", "not an Excel workbook"),
        (repacked(workbook(["code", "name"]), {"xl/vbaProject.bin": b"x"}), "gl.xlsm", "macros"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "gl.csv", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_at_once(
    importer: Importer, content: bytes | str, name: str, says: str
) -> None:
    answer = importer.upload(content, name)
    assert answer.status_code == 422
    assert says in answer.get_data(as_text=True)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(ImportRun)) == 0


def test_no_file_and_an_unknown_kind_are_refused(importer: Importer) -> None:
    missing = importer.client.submit(PAGE, {"kind": "gl_accounts"}, action=PAGE)
    assert missing.status_code == 422
    assert "Choose the file to import." in missing.get_data(as_text=True)
    assert importer.upload(GOOD, kind="people").status_code == 422


def test_a_file_larger_than_the_limit_is_refused(
    importer: Importer, app_with: Callable[..., Flask], hospital: Hospital
) -> None:
    small = app_with(max_upload_bytes=20_000)
    client = Visitor(small, small.response_class)
    answer = Importer(client, hospital).upload("code,name\n" + "1,x\n" * 10_000)
    assert answer.status_code == 413


def test_a_workbook_is_imported_like_a_csv_file(importer: Importer) -> None:
    page = importer.uploaded(workbook(["code", "name"], [6510, "Supplies"]), name="gl.xlsx")
    importer.work()
    importer.press(page, "apply")
    importer.work()
    assert importer.accounts() == 2
    db.session.rollback()
    assert db.session.scalar(select(GlAccount.name).where(GlAccount.code == "6510")) == "Supplies"


def test_a_formula_in_a_workbook_is_an_error_of_its_cell(importer: Importer) -> None:
    page = importer.uploaded(workbook(["code", "name"], ["6510", "=A1"]), name="gl.xlsx")
    importer.work()
    assert "This is a formula" in importer.text(page)


def test_the_same_file_sent_twice_is_one_import(importer: Importer) -> None:
    assert importer.uploaded(GOOD) == importer.uploaded(GOOD)
    assert importer.uploaded(GOOD, kind="facilities", name="gl.csv") != importer.uploaded(GOOD)


def test_apply_pressed_again_and_again_applies_once(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    importer.work()
    shown = importer.client.get(page)
    for _ in range(3):
        assert importer.client.send(shown, action=f"{page}/apply").status_code == 303
    importer.work()
    assert importer.client.send(shown, action=f"{page}/apply").status_code == 303
    importer.work()
    applied = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "import.apply")
    db.session.rollback()
    assert db.session.scalar(applied) == 1
    assert importer.accounts() == 3


def test_a_discarded_import_stays_discarded(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    importer.work()
    shown = importer.client.get(page)
    for _ in range(2):
        assert importer.client.send(shown, action=f"{page}/discard").status_code == 303
    assert importer.client.send(shown, action=f"{page}/apply").status_code == 409
    importer.work()
    assert importer.accounts() == 1


def test_discarded_while_it_is_read_it_is_not_previewed(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    with transaction():
        services.discard(importer.hospital.actor(Role.ADMINISTRATOR), importer.run())
    importer.work()
    assert importer.run().state is ImportState.DISCARDED
    assert "Discarded" in importer.text(page)


def test_a_preview_that_became_stale_is_shown_again_before_anything_is_written(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    importer.work()
    with transaction() as session:
        session.add(GlAccount(code="6510", name="Somebody else's"))
    importer.press(page, "apply")
    importer.work()
    shown = importer.text(page)
    assert "changed since this preview" in shown
    assert "Somebody else" in shown
    importer.press(page, "apply")
    importer.work()
    assert importer.run().state is ImportState.APPLIED


def test_a_lost_wake_up_and_a_dead_worker_are_made_good_by_the_sweep(importer: Importer, app: Flask) -> None:
    importer.uploaded(GOOD)
    app.extensions["redis"].flushdb()
    jobs.sweep()
    importer.work()
    assert importer.run().state is ImportState.PREVIEWED


def test_a_file_that_kills_its_worker_is_given_up(importer: Importer) -> None:
    page = importer.uploaded(GOOD)
    with transaction() as session:
        session.execute(update(ImportRun).values(tries=importing.MOST_TRIES))
    importer.work()
    assert importer.run().state is ImportState.FAILED
    assert "interrupted again and again" in importer.text(page)


def test_two_workers_at_once_apply_once(importer: Importer, app: Flask) -> None:
    page = importer.uploaded("code,name\n" + "".join(f"A{number},Account\n" for number in range(3_000)))
    importer.work()
    importer.press(page, "apply")
    organization_id, run_id = importer.hospital.organization.id, importer.run().id
    failures: list[BaseException] = []

    def carry_on() -> None:
        with app.app_context():
            enter_organization(organization_id)
            try:
                importing.carry_on(organization_id, run_id)
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

    threads = [Thread(target=carry_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert importer.run().state is ImportState.APPLIED
    assert importer.accounts() == 3_001


def test_progress_is_seen_by_others_while_the_job_works(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PROGRESS_SECONDS", 0.0)
    importer.uploaded("code,name\n" + "".join(f"A{number},Account\n" for number in range(12_000)))
    seen: list[tuple[int, int]] = []
    original = importing.StoredProgress.__call__

    def watched(progress: importing.StoredProgress, done: int) -> None:
        original(progress, done)
        with db.engine.begin() as other:
            other.execute(select(func.set_config("app.organization_id", str(organization_id), True)))
            seen.extend(
                (row.rows_done, row.rows)
                for row in other.execute(select(ImportRun.rows_done, ImportRun.rows))
            )

    organization_id = importer.hospital.organization.id
    monkeypatch.setattr(importing.StoredProgress, "__call__", watched)
    importer.work()
    done = [so_far for so_far, _ in seen]
    assert {rows for _, rows in seen} == {12_001}, "about how many there are"
    assert len(seen) >= 3
    assert done == sorted(set(done))
    assert done[-1] == 12_000


def test_templates_hold_the_columns(importer: Importer) -> None:
    nameless = {
        ImportKind.ITEM_PACKAGING, ImportKind.DEVICE_IDENTIFIERS, ImportKind.ITEM_DOCUMENTS,
        ImportKind.CONTRACT_LINES,
    }  # fmt: skip
    for kind in ImportKind:
        header = importer.text(f"{PAGE}/templates/{kind}.csv")
        assert header.startswith("\ufeff")
        assert ("name" in header) == (kind not in nameless)
    assert importer.client.get(f"{PAGE}/templates/people.csv").status_code == 404


def test_another_organization_s_import_is_not_found(importer: Importer, client: Visitor) -> None:
    page = importer.uploaded(GOOD)
    with transaction():
        other = build()
        email = other.email(Role.ADMINISTRATOR)
    client.sign_in(email)
    token = client.csrf_token(PAGE)
    for address in (page, f"{page}/live", f"{page}/errors.csv"):
        assert client.get(address).status_code == 404
    for action in ("apply", "discard"):
        assert client.post(f"{page}/{action}", data={"csrf_token": token}).status_code == 404
    assert client.get(f"{PAGE}/{10**30}").status_code == 404


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMINISTRATOR}))
def test_only_who_manages_master_data_comes_here(role: Role, client: Visitor, hospital: Hospital) -> None:
    client.sign_in(hospital.email(role))
    assert client.get(PAGE).status_code == 403
    assert db.session.scalar(select(func.count()).select_from(Supplier)) == 1
