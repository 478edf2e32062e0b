"""Master data read from the real sandbox ERP: plan, limit, apply, incremental, failures, two at once."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from integrations.canonical import Lifecycle
from integrations.erp.contract import MasterKind
from integrations.sandbox.erp import LOGIN
from portal.demo.tables import DATA, rows
from portal.exchange.models import Partner, WorkItem
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, NotAllowed
from portal.identity.rules import Role
from portal.masterdata import jobs, sync_services, syncing
from portal.masterdata.models import (
    CostCenter,
    Crosswalk,
    Facility,
    GlAccount,
    Item,
    ItemPackaging,
    Location,
    Supplier,
    SyncRun,
)
from portal.masterdata.rules import ImportKind, SyncState
from portal.masterdata.schemas import SCHEMAS
from portal.masterdata.services import import_rows
from tests.erp_sandbox import MASTER, RunningErp, running_erp, write_master
from tests.hospital import Hospital, add_partners, build

ITEMS = MASTER["items"]
MANY = 40


class Sync:
    """The hospital with a running ERP, and what a test does with them."""

    def __init__(self, hospital: Hospital, erp: RunningErp, master: Path) -> None:
        self.hospital, self.erp, self.master = hospital, erp, master
        with transaction():
            partner, _ = add_partners(hospital, erp_url=erp.url, network_url="http://127.0.0.1:9")
            partner.secret_name = "ERP_SANDBOX"
        self.partner_id = partner.id

    def change(self, **files: str) -> None:
        """What the ERP says from now on; a file not named is as in MASTER."""
        write_master(self.master, **files)

    def read(self, kind: MasterKind = MasterKind.ITEM, *, forced: bool = False) -> SyncRun:
        """Reads one kind and returns its run."""
        syncing.sync(self.partner_id, kind, forced=forced)
        return self.last()

    def last(self) -> SyncRun:
        """The newest run."""
        db.session.rollback()
        db.session.expire_all()
        return db.session.scalars(select(SyncRun).order_by(SyncRun.id.desc()).limit(1)).one()

    def item(self, code: str) -> Item | None:
        """An item by its code."""
        return db.session.scalar(select(Item).where(Item.code == code))

    def open_items(self) -> list[str]:
        """Sentences of the open work items."""
        return list(db.session.scalars(select(WorkItem.sentence).where(WorkItem.resolved_at.is_(None))))


@pytest.fixture
def sync(hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sync]:
    monkeypatch.setenv("PORTAL_SECRET_ERP_SANDBOX", LOGIN[1])
    master = write_master(tmp_path / "master")
    with running_erp(tmp_path / "data", master) as erp:
        yield Sync(hospital, erp, master)


def many_items(words: str = "Dressing", *, lifecycle: str = "active", count: int = MANY) -> str:
    header = ITEMS.splitlines()[0]
    row = "D-{0:03},{1} {0},Dressings,42311505,Vellora,VD-{0},EA,,no,no,no,{2},0065100000"
    return "\n".join([header, *(row.format(number, words, lifecycle) for number in range(count))]) + "\n"


def test_the_first_read_fills_every_kind_and_the_crosswalk(sync: Sync) -> None:
    jobs.sync_all(sync.hospital.organization.id)
    runs = db.session.scalars(select(SyncRun).order_by(SyncRun.id)).all()
    assert [(run.kind, run.state) for run in runs] == [(kind, SyncState.APPLIED) for kind in MasterKind]
    ward = db.session.scalars(select(Location).where(Location.code == "ER01")).one()
    assert ward.name == "Emergency Depart", "the ERP keeps 16 characters"
    assert db.session.get_one(Facility, ward.facility_id).code == "1010"
    moved = db.session.scalars(select(CostCenter).where(CostCenter.code == "CC-TWICE")).one()
    assert moved.name == "Moved ward (new)"
    accounts = set(db.session.scalars(select(GlAccount.code)))
    assert accounts >= {"0065100000", "0065200000"}
    stopped = db.session.scalars(select(Supplier).where(Supplier.code == "17300003")).one()
    assert stopped.blocked
    counted = select(Crosswalk.entity, func.count().label("rows")).group_by(Crosswalk.entity)
    known = {row.entity: row.rows for row in db.session.execute(counted)}
    assert known == {
        "facility": 2, "location": 2, "cost_center": 4, "gl_account": 2, "supplier": 3, "item": 5,
    }  # fmt: skip


def test_an_item_brings_its_packs_codes_and_lifecycle(sync: Sync) -> None:
    assert sync.read().added == 7
    glove = sync.item("GLOVE-NIT-M")
    assert glove is not None
    assert glove.name == "Glove, exam, nitrile, powder-free, chemo rated, medium"
    assert (glove.manufacturer, glove.manufacturer_part, glove.unspsc) == ("Vellora", "VH1000-M", "42132203")
    packs = db.session.execute(
        select(ItemPackaging.uom, ItemPackaging.factor, ItemPackaging.gtin)
        .where(ItemPackaging.item_id == glove.id)
        .order_by(ItemPackaging.factor)
    ).all()
    assert [tuple(pack) for pack in packs] == [
        ("EA", Decimal(1), "09521101010107"),
        ("BX", Decimal(100), "19521101010104"),
        ("CA", Decimal(1000), "29521101010101"),
    ]
    lifecycles = {code: sync.item(code) for code in ("GONE-1", "STOP-1", "LOTION-1")}
    assert {code: item.lifecycle for code, item in lifecycles.items() if item} == {
        "GONE-1": Lifecycle.DISCONTINUED, "STOP-1": Lifecycle.BLOCKED, "LOTION-1": Lifecycle.ACTIVE,
    }  # fmt: skip


def test_existing_rows_are_matched_by_code_and_keep_what_the_erp_does_not_say(sync: Sync) -> None:
    with transaction():
        code, category = sync.hospital.gloves.code, sync.hospital.gloves.category
    header = ITEMS.splitlines()[0]
    sync.change(items=f"{header}\n{code},New name,x,,,,EA,,no,no,no,active,\n", item_packaging=packs())
    run = sync.read()
    assert (run.added, run.changed) == (0, 1)
    assert run.plan[0]["changes"] == {"name": ["Exam glove, nitrile, medium", "New name"]}
    gloves = sync.item(code)
    assert gloves is not None
    assert (gloves.name, gloves.category, gloves.unspsc) == ("New name", category, "42132203")
    assert gloves.gl_account_id == sync.hospital.gl_account.id


def packs() -> str:
    return "item,uom,factor,gtin\n"


def test_a_name_that_the_erp_had_to_cut_off_is_kept_whole(sync: Sync) -> None:
    sync.read(MasterKind.FACILITY)
    with transaction() as session:
        session.execute(update(Location).values(name="Emergency Department, Dayton"))
    assert sync.read(MasterKind.FACILITY).changed == 1, "the other location gets its own name back"
    with transaction() as session:
        session.execute(update(Location).values(name="Emergency"))
    assert sync.read(MasterKind.FACILITY).changed == 2


def test_the_crosswalk_is_followed_when_the_erp_calls_a_row_differently(sync: Sync) -> None:
    with transaction() as session:
        gloves_id = sync.hospital.gloves.id
        session.add(
            Crosswalk(
                partner_id=sync.partner_id, entity="item", entity_id=gloves_id, external_id="GLOVE-NIT-M"
            )
        )
    sync.read()
    gloves = db.session.get_one(Item, gloves_id)
    assert (gloves.code, gloves.manufacturer) == (sync.hospital.gloves.code, "Vellora")
    assert sync.item("GLOVE-NIT-M") is None
    pack = select(ItemPackaging.factor).where(ItemPackaging.item_id == gloves_id, ItemPackaging.uom == "CA")
    assert db.session.scalar(pack) == 1000


def test_a_second_read_changes_nothing_and_asks_only_for_what_changed(sync: Sync) -> None:
    first = sync.read()
    second = sync.read()
    assert (second.added, second.changed, second.state) == (0, 0, SyncState.APPLIED)
    assert second.changed_since == first.started_at - syncing.OVERLAP
    with transaction() as session:
        later = second.started_at + 2 * syncing.OVERLAP
        session.execute(update(SyncRun).where(SyncRun.id == second.id).values(started_at=later))
    assert sync.read().read == 0
    assert first.read == 5


def test_nothing_is_ever_deleted(sync: Sync) -> None:
    sync.read()
    sync.change(items=ITEMS.splitlines()[0] + "\n", item_packaging=packs())
    assert sync.read().state is SyncState.APPLIED
    assert sync.item("GLOVE-NIT-M") is not None


def test_a_read_that_would_change_too_much_waits_for_a_person(sync: Sync) -> None:
    sync.change(items=many_items(), item_packaging=packs())
    sync.read()
    sync.change(items=many_items(lifecycle="discontinued"), item_packaging=packs())
    run = sync.read()
    assert run.state is SyncState.STOPPED
    assert (run.changed, run.share) == (MANY, Decimal("95.24"))
    assert run.plan[0]["changes"] == {"lifecycle": ["active", "discontinued"]}
    item = sync.item("D-000")
    assert item is not None
    assert item.lifecycle is Lifecycle.ACTIVE
    (sentence,) = sync.open_items()
    assert "40 of 42 items" in sentence
    assert syncing.sync(sync.partner_id, MasterKind.ITEM) is None, "it waits for the decision"


def test_a_confirmed_read_is_applied_once_also_when_the_erp_is_gone(sync: Sync) -> None:
    run = stopped(sync)
    actor = sync.hospital.actor(Role.ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        sync_services.confirm(sync.hospital.actor(Role.BUYER), run)
    with transaction():
        db.session.execute(update(Partner).values(base_url="http://127.0.0.1:9"))
        sync_services.confirm(actor, run)
        sync_services.confirm(actor, run)
    for _ in range(2):
        jobs.apply_sync(sync.hospital.organization.id, run.id)
    done = sync.last()
    assert (done.id, done.state, done.changed) == (run.id, SyncState.APPLIED, MANY)
    item = sync.item("D-000")
    assert item is not None
    assert item.lifecycle is Lifecycle.DISCONTINUED
    assert sync.open_items() == []
    actions = db.session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_type == "sync_run").order_by(AuditEvent.id)
    ).all()
    assert actions == ["sync.apply", "sync.stop", "sync.confirm", "sync.apply"]
    with pytest.raises(Conflict, match="applied already"):
        sync_services.discard(actor, done)


def stopped(sync: Sync) -> SyncRun:
    sync.change(items=many_items(), item_packaging=packs())
    sync.read()
    sync.change(items=many_items(lifecycle="discontinued"), item_packaging=packs())
    run = sync.read()
    assert run.state is SyncState.STOPPED
    return run


def test_a_discarded_read_changes_nothing_and_the_next_one_asks_again(sync: Sync) -> None:
    run = stopped(sync)
    with transaction():
        sync_services.discard(sync.hospital.actor(Role.ADMINISTRATOR), run)
    assert sync.open_items() == []
    again = sync.read()
    assert (again.state, again.changed) == (SyncState.STOPPED, MANY)
    assert len(sync.open_items()) == 1


def test_a_newer_read_takes_the_place_of_a_stopped_one(sync: Sync) -> None:
    run = stopped(sync)
    sync.change(items=many_items(), item_packaging=packs())
    newer = sync.read(forced=True)
    assert (newer.state, newer.changed) == (SyncState.APPLIED, 0)
    assert db.session.get_one(SyncRun, run.id).state is SyncState.DISCARDED
    assert sync.open_items() == []


def test_the_limit_is_a_setting_of_the_partner(sync: Sync) -> None:
    with transaction():
        partner = db.session.get_one(Partner, sync.partner_id)
        partner.settings = {**partner.settings, "change_limit_item": 100}
    sync.change(items=many_items(), item_packaging=packs())
    sync.read()
    sync.change(items=many_items(lifecycle="discontinued"), item_packaging=packs())
    assert sync.read().state is SyncState.APPLIED


def test_few_rows_change_without_asking(sync: Sync) -> None:
    sync.change(items=many_items(count=8), item_packaging=packs())
    sync.read()
    sync.change(items=many_items(count=8, lifecycle="blocked"), item_packaging=packs())
    run = sync.read()
    assert (run.state, run.changed) == (SyncState.APPLIED, 8)


def test_one_record_that_cannot_be_taken_does_not_hold_up_the_others(sync: Sync) -> None:
    with transaction():
        sync.hospital.gloves.base_uom = "PR"
        code = sync.hospital.gloves.code
    rows = f"{code},Glove,x,,,,EA,,no,no,no,active,\nB-1,Bad code,x,,,,EA,123,no,no,no,active,\n"
    sync.change(items=f"{ITEMS.splitlines()[0]}\n{rows}", item_packaging=packs())
    run = sync.read()
    assert (run.state, run.added, run.refused) == (SyncState.APPLIED, 1, 1)
    told = [entry for entry in run.plan if "sentence" in entry]
    sentences = {(entry["action"], entry["code"]): entry["sentence"] for entry in told}
    assert "base unit cannot change" in sentences["refused", code]
    assert "not a GTIN" in sentences["left_out", "B-1"]
    assert sync.item("B-1") is not None
    (item,) = sync.open_items()
    assert code in item


@pytest.mark.parametrize("effect", ["error_before", "too_many", "drop_before", "malformed", "reject"])
def test_a_partner_in_trouble_is_told_and_asked_again(sync: Sync, effect: str) -> None:
    sync.erp.script(effect, request="read", remaining=None)
    run = sync.read()
    assert run.state is SyncState.FAILED
    (sentence,) = sync.open_items()
    assert sentence == f"Items could not be read from S/4HANA: {run.detail}"
    httpx.delete(f"{sync.erp.url}/sandbox/behavior").raise_for_status()
    assert sync.read().state is SyncState.APPLIED
    assert sync.open_items() == []


def test_a_wrong_login_is_told(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_SECRET_ERP_SANDBOX", "wrong")
    run = sync.read()
    assert run.state is SyncState.FAILED
    item = db.session.scalars(select(WorkItem).where(WorkItem.resolved_at.is_(None))).one()
    assert item.suggestion == "Correct login or address of the partner."


def test_an_unreachable_erp_stops_the_round_at_the_first_kind(sync: Sync) -> None:
    with transaction():
        db.session.execute(update(Partner).values(base_url="http://127.0.0.1:9"))
    jobs.sync_all(sync.hospital.organization.id)
    runs = db.session.scalars(select(SyncRun)).all()
    assert [(run.kind, run.state) for run in runs] == [(MasterKind.FACILITY, SyncState.FAILED)]


def test_a_paused_partner_is_read_only_on_demand(sync: Sync) -> None:
    with transaction():
        db.session.execute(update(Partner).values(paused_at=func.now()))
    assert syncing.sync(sync.partner_id, MasterKind.ITEM) is None
    assert syncing.sync(sync.partner_id, MasterKind.ITEM, forced=True) is SyncState.APPLIED


def test_a_read_whose_worker_died_is_closed_by_the_next_one(sync: Sync) -> None:
    with transaction() as session:
        session.add(SyncRun(partner_id=sync.partner_id, kind=MasterKind.ITEM, state=SyncState.READING))
    sync.read()
    states = db.session.scalars(select(SyncRun.state).order_by(SyncRun.id)).all()
    assert states == [SyncState.FAILED, SyncState.APPLIED]


def test_two_reads_of_one_kind_at_once_become_one(sync: Sync, app: Flask) -> None:
    sync.erp.script("slow", request="read", value="1", remaining=1)
    organization_id, partner_id = sync.hospital.organization.id, sync.partner_id
    results: list[SyncState | None] = []

    def read() -> None:
        with app.app_context():
            enter_organization(organization_id)
            results.append(syncing.sync(partner_id, MasterKind.SUPPLIER, forced=True))

    threads = [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == sorted(["None", str(SyncState.APPLIED)])


def test_another_organization_sees_none_of_it(sync: Sync) -> None:
    sync.read()
    with transaction():
        enter_organization(build().organization.id)
    assert db.session.scalars(select(SyncRun)).all() == []
    assert db.session.scalars(select(Crosswalk)).all() == []


def test_the_demo_organizations_agree_with_their_erp(sync: Sync) -> None:
    today = clock.today()
    for kind in (kind for kind in SCHEMAS if kind is not ImportKind.CONTRACT_LINES):
        import_rows(system(sync.hospital.organization.id, "test"), kind, rows("lakeshore", kind, today=today))
    shutil.copytree(DATA / "lakeshore", sync.master, dirs_exist_ok=True)
    changed = {kind.value: sync.read(kind).plan for kind in MasterKind}
    assert {kind: plan for kind, plan in changed.items() if plan} == {}
    assert {run.state for run in db.session.scalars(select(SyncRun))} == {SyncState.APPLIED}
