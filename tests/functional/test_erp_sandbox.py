"""The sandbox ERP itself: its metadata, its manners, its refusals, its memory."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyodata
import pytest
import requests

from integrations.sandbox.erp import LOGIN, create_app
from integrations.sandbox.erp.master import MasterDataError
from integrations.sandbox.erp.metadata import metadata
from integrations.sandbox.erp.services import SERVICES
from portal.embedded import free_port
from tests import edmx
from tests.documents import purchase_order
from tests.erp_sandbox import (
    DOCUMENTS,
    ITEM_PAYLOAD,
    MASTER,
    ORDER_PAYLOAD,
    ORDERS,
    ROOT,
    RunningErp,
    error,
    get,
    running_erp,
    write_master,
)
from tests.samples import needs_samples


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """pyodata says hundreds of lines about annotations."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningErp]:
    with running_erp(tmp_path / "data", write_master(tmp_path / "master")) as running:
        yield running


@pytest.fixture
def browser(sandbox: RunningErp) -> Iterator[httpx.Client]:
    with sandbox.browser() as client:
        yield client


# Metadata


@needs_samples
@pytest.mark.parametrize("name", sorted(name for name in SERVICES if edmx.sample_path(name).exists()))
def test_our_metadata_agrees_with_the_real_one(name: str) -> None:
    ours, real = edmx.read(metadata(SERVICES[name])), edmx.sample(name)
    for entity_set, entity_type in ours.sets.items():
        assert real.sets[entity_set] == entity_type
        assert real.keys[entity_type] == ours.keys[entity_type]
        assert ours.properties[entity_type].items() <= real.properties[entity_type].items()
        assert ours.navigations[entity_type].items() <= real.navigations[entity_type].items()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_general_odata_client_understands_every_service(
    quiet: None, sandbox: RunningErp, name: str
) -> None:
    with requests.Session() as session:
        session.auth = LOGIN
        client = pyodata.Client(f"{sandbox.url}{ROOT}/{name}/", session)
        assert {one.name for one in client.schema.entity_sets} == set(SERVICES[name].sets)
        for entity_set in SERVICES[name].sets:
            getattr(client.entity_sets, entity_set).get_entities().top(2).execute()


def test_a_general_odata_client_drives_an_order(quiet: None, sandbox: RunningErp) -> None:
    with requests.Session() as session:
        session.auth = LOGIN
        fetched = session.get(f"{sandbox.url}{ORDERS}/", headers={"X-CSRF-Token": "Fetch"}, timeout=5)
        session.headers["X-CSRF-Token"] = fetched.headers["x-csrf-token"]
        client = pyodata.Client(f"{sandbox.url}{ORDERS}/", session)
        created = client.entity_sets.A_PurchaseOrder.create_entity().set(**ORDER_PAYLOAD).execute()
        found = (
            client.entity_sets.A_PurchaseOrder.get_entities()
            .filter("CorrespncExternalReference eq 'MR26-0000001'")
            .expand("to_PurchaseOrderItem/to_AccountAssignment")
            .execute()
        )
        assert [one.PurchaseOrder for one in found] == [created.PurchaseOrder]
        item = found[0].to_PurchaseOrderItem[0]
        assert item.to_AccountAssignment[0].CostCenter == "CC-ER-100"
        again = client.entity_sets.A_PurchaseOrderItem.get_entity(
            PurchaseOrder=created.PurchaseOrder, PurchaseOrderItem="10"
        ).execute()
        assert again.OrderQuantity == item.OrderQuantity


# Manners


def test_login_and_token_are_demanded(sandbox: RunningErp) -> None:
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        unknown = client.get(f"{ORDERS}/")
        assert unknown.status_code == 401
        assert unknown.headers["www-authenticate"].startswith("Basic realm=")
        client.auth = httpx.BasicAuth(*LOGIN)
        refused = client.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER_PAYLOAD)
        assert (refused.status_code, refused.headers["x-csrf-token"]) == (403, "Required")
        token = client.get(f"{ORDERS}/", headers={"X-CSRF-Token": "fetch"}).headers["x-csrf-token"]
        cookies = dict(client.cookies)
        client.cookies.clear()
        assert (
            client.post(
                f"{ORDERS}/A_PurchaseOrder", json=ORDER_PAYLOAD, headers={"X-CSRF-Token": token}
            ).status_code
            == 403
        )
        client.cookies.update(cookies)
        created = client.post(
            f"{ORDERS}/A_PurchaseOrder", json=ORDER_PAYLOAD, headers={"X-CSRF-Token": token}
        )
        assert created.status_code == 201
    assert len(sandbox.documents()["purchase_orders"]) == 1


def test_a_created_order_is_answered_whole_and_stored_whole(browser: httpx.Client) -> None:
    answer = browser.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER_PAYLOAD)
    created = answer.json()["d"]
    assert created["PurchaseOrder"] == "4500000001"
    assert answer.headers["location"].endswith("/A_PurchaseOrder('4500000001')")
    item = created["to_PurchaseOrderItem"]["results"][0]
    assert (item["OrderQuantity"], item["NetPriceAmount"]) == ("40.000", "7.250")
    assert item["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"] == "40.000"
    assert (
        get(browser, f"{ORDERS}/A_PurchaseOrder('4500000001')")["CorrespncExternalReference"]
        == "MR26-0000001"
    )
    below = get(browser, f"{ORDERS}/A_PurchaseOrder('4500000001')/to_PurchaseOrderItem")
    assert below["results"][0]["Material"] == "GLOVE-NIT-M"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CorrespncExternalReference": "MR26-00000012"}, "not a valid String(12)"),
        ({"Nonsense": "1"}, "Property 'Nonsense' is invalid"),
        ({"PurchaseOrderDate": "2026-01-01"}, "not a valid Edm.DateTime"),
        ({"Supplier": 17300001}, "not a valid String(10)"),
        ({"to_PurchaseOrderItem": "none"}, "must be a list"),
        ({"to_PurchaseOrderItem": [1]}, "A_PurchaseOrderItemType was expected"),
        ({"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "OrderQuantity": 40}]}, "not a valid Decimal(13,3)"),
        (
            {"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "OrderQuantity": "1.0001"}]},
            "not a valid Decimal(13,3)",
        ),
        ({"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "OrderQuantity": "1e3"}]}, "not a valid Decimal(13,3)"),
        ({"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "OrderQuantity": "0"}]}, "Enter quantity"),
        (
            {"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "GoodsReceiptIsExpected": "X"}]},
            "not a valid Edm.Boolean",
        ),
        ({"to_PurchaseOrderItem": []}, "contains no items"),
        ({"to_PurchaseOrderItem": [ITEM_PAYLOAD, ITEM_PAYLOAD]}, "Item 10 exists twice"),
        (
            {"to_PurchaseOrderItem": [{**ITEM_PAYLOAD, "to_AccountAssignment": []}]},
            "Enter account assignment",
        ),
        ({"PurchasingGroup": ""}, "Enter PurchasingGroup"),
    ],
)
def test_wrong_orders_are_refused_and_leave_nothing(
    sandbox: RunningErp, browser: httpx.Client, change: dict[str, Any], words: str
) -> None:
    found = error(browser.post(f"{ORDERS}/A_PurchaseOrder", json={**ORDER_PAYLOAD, **change}))
    assert words in found["message"]["value"]
    assert sandbox.documents()["purchase_orders"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_order_are_refused(browser: httpx.Client, body: bytes) -> None:
    error(browser.post(f"{ORDERS}/A_PurchaseOrder", content=body))


def test_addresses_that_do_not_exist_are_refused(browser: httpx.Client) -> None:
    assert "No service found" in error(browser.get(f"{ROOT}/API_NOTHING_SRV/"), 404)["message"]["value"]
    error(browser.get(f"{ORDERS}/A_Nothing"), 404)
    error(browser.get(f"{ORDERS}/A_PurchaseOrder('1')"), 404)
    error(browser.get(f"{ORDERS}/A_PurchaseOrder('1')/to_Nothing"), 404)
    error(browser.get(f"{ORDERS}/A_PurchaseOrderItem('1')"))
    error(browser.post(f"{ORDERS}/A_PurchaseOrderItem", json=ITEM_PAYLOAD), 405)
    error(browser.patch(f"{ORDERS}/A_PurchaseOrder('1')", json={}), 405)


# Receipts


def test_a_receipt_can_be_cancelled_once_and_posted_again(sandbox: RunningErp, browser: httpx.Client) -> None:
    browser.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER_PAYLOAD)
    received = {
        "GoodsMovementCode": "01",
        "PostingDate": "/Date(1770681600000)/",
        "DocumentDate": "/Date(1770681600000)/",
        "to_MaterialDocumentItem": [
            {
                "GoodsMovementType": "101",
                "GoodsMovementRefDocType": "B",
                "PurchaseOrder": "4500000001",
                "PurchaseOrderItem": "00010",
                "QuantityInEntryUnit": "4",
                "EntryUnit": "CA",
            }
        ],
    }
    document = browser.post(f"{DOCUMENTS}/A_MaterialDocumentHeader", json=received).json()["d"]
    item = document["to_MaterialDocumentItem"]["results"][0]
    assert (item["QuantityInBaseUnit"], item["MaterialBaseUnit"]) == ("4000.000", "EA")
    assert sandbox.documents()["purchase_orders"][0]["items"][0]["complete"] is True
    error(browser.post(f"{DOCUMENTS}/A_MaterialDocumentHeader", json=received))
    year = document["MaterialDocumentYear"]
    cancel = f"{DOCUMENTS}/Cancel?MaterialDocumentYear='{year}'&MaterialDocument='5000000001'"
    cancelled = browser.post(cancel).json()["d"]
    assert cancelled["MaterialDocument"] == "5000000002"
    assert sandbox.documents()["purchase_orders"][0]["items"][0]["complete"] is False
    assert "reversed already" in error(browser.post(cancel))["message"]["value"]
    assert browser.post(f"{DOCUMENTS}/A_MaterialDocumentHeader", json=received).status_code == 201
    movements = [one["items"][0]["movement"] for one in sandbox.documents()["receipts"]]
    assert movements == ["101", "102", "101"]


# Memory


def start(port: int, folder: Path) -> subprocess.Popen[bytes]:
    code = (
        "from pathlib import Path; from integrations.sandbox.erp import serve;"
        f"serve('127.0.0.1', {port}, Path({str(folder / 'data')!r}), Path({str(folder / 'master')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    for _ in range(300):
        try:
            httpx.get(f"http://127.0.0.1:{port}/sandbox/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return process
    process.kill()
    raise AssertionError("the sandbox did not start within 30 s")


def test_a_killed_server_forgets_nothing_but_its_sessions(tmp_path: Path) -> None:
    write_master(tmp_path / "master")
    port = free_port()
    running = RunningErp(f"http://127.0.0.1:{port}")
    process = start(port, tmp_path)
    try:
        with running.adapter() as erp:
            number = erp.post_purchase_order(purchase_order(), ask_first=False).number
            running.script("reject", request="receipt", value="Still here")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process = start(port, tmp_path)
            again = erp.post_purchase_order(purchase_order(), ask_first=True)
            assert (again.number, again.found) == (number, True)
            other = erp.post_purchase_order(purchase_order("MR26-0000002"), ask_first=False)
            assert other.number == "4500000002"
        rules = httpx.get(f"{running.url}/sandbox/behavior").json()["rules"]
        assert [rule["value"] for rule in rules] == ["Still here"]
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_many_orders_at_once_get_different_numbers(sandbox: RunningErp) -> None:
    def post(place: int) -> str:
        with sandbox.adapter() as erp:
            return erp.post_purchase_order(purchase_order(f"MR-{place}"), ask_first=True).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(post, range(24)))
    assert len(set(numbers)) == 24


# Master data


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("facilities", "1010,Clinic", "10101,Clinic", "code '10101' must have 1 to 4 characters"),
        ("cost_centers", "2020-12-31", "next year", "valid_to 'next year' is not a day"),
        ("items", ",EA,", ",EACH,", "unit 'EACH' must have 1 to 3 characters"),
        ("item_packaging", "BX,100", "BX,0.5", "factor '0.5' of GLOVE-NIT-M must be 1 to 99999"),
        ("item_packaging", "GLOVE-NIT-M,BX", "GLOVE,BX", "there is no item 'GLOVE'"),
        ("suppliers", "network_id", "network", "the columns network_id are missing"),
        ("gl_accounts", "Drugs", "Drugs,more", "line 3: it has more or fewer values than columns"),
    ],
)
def test_wrong_master_data_is_named_at_the_start(
    tmp_path: Path, file: str, old: str, new: str, words: str
) -> None:
    folder = write_master(tmp_path / "master", **{file: MASTER[file].replace(old, new)})
    with pytest.raises(MasterDataError) as caught:
        create_app(tmp_path / "data", folder)
    assert words in str(caught.value)


def test_a_missing_file_is_named_and_no_folder_is_no_master_data(tmp_path: Path) -> None:
    with pytest.raises(MasterDataError, match=r"facilities\.csv cannot be read"):
        create_app(tmp_path / "data", tmp_path)
    assert create_app(tmp_path / "data", None).test_client().get("/sandbox/health").status_code == 200
