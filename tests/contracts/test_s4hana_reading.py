"""Master data of S/4HANA as it arrives from the sandbox and from odd partners."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask, Response

from integrations.canonical import Facility, Item, Lifecycle, Supplier
from integrations.erp.contract import MasterKind
from integrations.erp.s4hana import S4Hana
from integrations.errors import Unreadable
from integrations.formats.odata import date_literal
from integrations.http import Connection
from integrations.sandbox.serving import server
from tests.erp_sandbox import MASTER, SETTINGS, RunningErp, running_erp, write_master


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningErp]:
    with running_erp(tmp_path / "data", write_master(tmp_path / "master")) as running:
        yield running


@pytest.fixture
def erp(sandbox: RunningErp) -> Iterator[S4Hana]:
    with sandbox.adapter() as adapter:
        yield adapter


def read(erp: S4Hana, kind: MasterKind, changed_since: datetime | None = None) -> dict[str, Any]:
    found = [record for page in erp.read(kind, changed_since=changed_since) for record in page]
    assert len({record.code for record in found}) == len(found)
    return {record.code: record for record in found}


def test_items_arrive_with_everything_the_portal_needs(erp: S4Hana) -> None:
    items = read(erp, MasterKind.ITEM)
    glove = items["GLOVE-NIT-M"]
    assert isinstance(glove, Item)
    assert glove.name == "Glove, exam, nitrile, powder-free, chemo rated, medium"
    assert (glove.base_uom, glove.unspsc) == ("EA", "42132203")
    assert (glove.manufacturer, glove.manufacturer_part) == ("Vellora", "VH1000-M")
    assert [(one.uom, one.factor, one.gtin) for one in glove.packaging] == [
        ("EA", Decimal(1), "09521101010107"),
        ("BX", Decimal(100), "19521101010104"),
        ("CA", Decimal(1000), "29521101010101"),
    ]
    assert (glove.lot_tracked, glove.serial_tracked, glove.expiry_tracked) == (False, False, False)
    lotion, pump = items["LOTION-1"], items["PUMP-1"]
    assert (lotion.lot_tracked, lotion.expiry_tracked, pump.serial_tracked) == (True, True, True)
    assert items["GONE-1"].lifecycle is Lifecycle.DISCONTINUED
    assert items["STOP-1"].lifecycle is Lifecycle.BLOCKED


def test_facilities_arrive_with_their_locations(erp: S4Hana) -> None:
    found = read(erp, MasterKind.FACILITY)
    clinic = found["1010"]
    assert isinstance(clinic, Facility)
    assert (clinic.name, clinic.address) == ("Clinic North", None)
    assert [(place.code, place.name) for place in clinic.locations] == [("ER01", "Emergency Depart")]


def test_suppliers_arrive_with_network_id_and_block_but_no_manufacturers(erp: S4Hana) -> None:
    found = read(erp, MasterKind.SUPPLIER)
    assert sorted(found) == ["17300001", "17300002", "17300003"]
    first = found["17300001"]
    assert isinstance(first, Supplier)
    assert (first.name, first.network_id, first.blocked) == (
        "Northmere Hospital Supply",
        "AN01000000001",
        False,
    )
    assert found["17300003"].blocked


def test_cost_centers_arrive_with_the_period_that_matters(erp: S4Hana) -> None:
    found = read(erp, MasterKind.COST_CENTER)
    assert found["CC-ER-100"].valid_to == date(9999, 12, 31)
    assert found["CC-OR-100"].valid_to == date(datetime.now(UTC).year, 12, 31)
    assert found["CC-OLD"].valid_to == date(2020, 12, 31)
    assert found["CC-TWICE"].name == "Moved ward (new)"
    assert found["CC-ER-100"].company_code == "1000"


def test_only_changed_records_are_read(erp: S4Hana, tmp_path: Path) -> None:
    assert read(erp, MasterKind.ITEM, datetime.now(UTC) + timedelta(seconds=5)) == {}
    seen = datetime.now(UTC)
    changed = MASTER["items"].replace("Infusion pump", "Infusion pump large")
    accounts = MASTER["gl_accounts"].replace("Drugs", "Drugs and vaccines")
    write_master(tmp_path / "master", items=changed, gl_accounts=accounts)
    assert {code: item.name for code, item in read(erp, MasterKind.ITEM, seen).items()} == {
        "PUMP-1": "Infusion pump large"
    }
    assert list(read(erp, MasterKind.GL_ACCOUNT, seen)) == ["0065200000"]
    today = read(erp, MasterKind.SUPPLIER, seen)
    assert len(today) == 3, "business partners know the day of a change only"
    since = unquote(erp.wire[-1].url)
    assert f"LastChangeDate ge {date_literal(seen.date())}" in since


def test_pages_of_master_data_are_not_kept_in_memory(sandbox: RunningErp) -> None:
    with sandbox.adapter(settings={**SETTINGS, "page_size": "1"}) as erp:
        for _page in erp.read(MasterKind.ITEM, changed_since=None):
            assert sum(len(exchange.response_body) for exchange in erp.wire) == 0
        assert len(erp.wire) > 5


def test_content_that_cannot_be_meant_names_its_entity() -> None:
    row = {"__metadata": {"uri": "https://erp.example/x/A_Plant('1')"}, "PlantName": "No code"}
    app = Flask(__name__)
    app.add_url_rule(
        "/<path:_path>", "all", lambda _path: Response(json.dumps({"d": {"results": [row], "__count": "1"}}))
    )
    listening = server(app, "127.0.0.1", 0)
    thread = Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.server_port}"
    settings = {**SETTINGS, "storage_locations": ""}
    hosts = frozenset({"127.0.0.1"})
    erp = S4Hana(Connection(base_url=url, settings=settings, allowed_hosts=hosts, timeout_seconds=5.0))
    with pytest.raises(Unreadable, match="Plant is missing") as caught:
        list(erp.read(MasterKind.FACILITY, changed_since=None))
    assert caught.value.position == "A_Plant('1')"
    erp.close()
    listening.shutdown()
    thread.join()
    listening.server_close()
