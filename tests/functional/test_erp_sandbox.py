"""The sandbox ERP itself: its metadata, its manners, its refusals, its memory."""

import json
import logging
import os
import signal
import socket
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.formats.odata import query
from integrations.sandbox.erp import LOGIN, create_app
from integrations.sandbox.erp.master import MasterDataError
from integrations.sandbox.erp.metadata import metadata
from integrations.sandbox.erp.services import SERVICES
from tests import edmx
from tests.documents import purchase_order
from tests.erp_sandbox import MASTER, RunningErp, running_erp, write_master
from tests.samples import needs_samples

ROOT = "/sap/opu/odata/sap"
ORDERS = f"{ROOT}/API_PURCHASEORDER_PROCESS_SRV"
DOCUMENTS = f"{ROOT}/API_MATERIAL_DOCUMENT_SRV"
ITEM: dict[str, Any] = {
    "PurchaseOrderItem": "10",
    "Plant": "1010",
    "Material": "GLOVE-NIT-M",
    "OrderQuantity": "40",
    "PurchaseOrderQuantityUnit": "BX",
    "NetPriceAmount": "7.25",
    "AccountAssignmentCategory": "K",
    "to_AccountAssignment": [{"CostCenter": "CC-ER-100", "GLAccount": "0065100000", "Quantity": "40"}],
}
ORDER: dict[str, Any] = {
    "CompanyCode": "1000",
    "PurchaseOrderType": "NB",
    "Supplier": "17300001",
    "PurchasingOrganization": "1000",
    "PurchasingGroup": "001",
    "DocumentCurrency": "USD",
    "CorrespncExternalReference": "MR26-0000001",
    "to_PurchaseOrderItem": [ITEM],
}


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
    """A logged-in client with a CSRF token."""
    with httpx.Client(base_url=sandbox.url, auth=LOGIN, trust_env=False) as client:
        token = client.get(f"{ORDERS}/", headers={"X-CSRF-Token": "Fetch"}).headers["x-csrf-token"]
        client.headers["X-CSRF-Token"] = token
        yield client


def get(client: httpx.Client, path: str, **options: str) -> Any:
    answer = client.get(f"{path}?{query({f'${name}': value for name, value in options.items()})}")
    assert answer.status_code == 200, answer.text
    return answer.json()["d"]


def error(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()["error"]
    assert found["code"]
    assert found["innererror"]["errordetails"]
    return found


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
        created = client.entity_sets.A_PurchaseOrder.create_entity().set(**ORDER).execute()
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
        refused = client.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER)
        assert (refused.status_code, refused.headers["x-csrf-token"]) == (403, "Required")
        token = client.get(f"{ORDERS}/", headers={"X-CSRF-Token": "fetch"}).headers["x-csrf-token"]
        cookies = dict(client.cookies)
        client.cookies.clear()
        assert (
            client.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER, headers={"X-CSRF-Token": token}).status_code
            == 403
        )
        client.cookies.update(cookies)
        created = client.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER, headers={"X-CSRF-Token": token})
        assert created.status_code == 201
    assert len(sandbox.documents()["purchase_orders"]) == 1


def test_a_created_order_is_answered_whole_and_stored_whole(browser: httpx.Client) -> None:
    answer = browser.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER)
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
        ({"to_PurchaseOrderItem": [{**ITEM, "OrderQuantity": 40}]}, "not a valid Decimal(13,3)"),
        ({"to_PurchaseOrderItem": [{**ITEM, "OrderQuantity": "1.0001"}]}, "not a valid Decimal(13,3)"),
        ({"to_PurchaseOrderItem": [{**ITEM, "OrderQuantity": "1e3"}]}, "not a valid Decimal(13,3)"),
        ({"to_PurchaseOrderItem": [{**ITEM, "OrderQuantity": "0"}]}, "Enter quantity"),
        ({"to_PurchaseOrderItem": [{**ITEM, "GoodsReceiptIsExpected": "X"}]}, "not a valid Edm.Boolean"),
        ({"to_PurchaseOrderItem": []}, "contains no items"),
        ({"to_PurchaseOrderItem": [ITEM, ITEM]}, "Item 10 exists twice"),
        ({"to_PurchaseOrderItem": [{**ITEM, "to_AccountAssignment": []}]}, "Enter account assignment"),
        ({"PurchasingGroup": ""}, "Enter PurchasingGroup"),
    ],
)
def test_wrong_orders_are_refused_and_leave_nothing(
    sandbox: RunningErp, browser: httpx.Client, change: dict[str, Any], words: str
) -> None:
    found = error(browser.post(f"{ORDERS}/A_PurchaseOrder", json={**ORDER, **change}))
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
    error(browser.post(f"{ORDERS}/A_PurchaseOrderItem", json=ITEM), 405)
    error(browser.patch(f"{ORDERS}/A_PurchaseOrder('1')", json={}), 405)


# Queries


def test_query_options(browser: httpx.Client) -> None:
    path = f"{ROOT}/API_PRODUCT_SRV/A_Product"
    page = get(browser, path, orderby="Product desc", top="2", skip="1", inlinecount="allpages")
    assert [one["Product"] for one in page["results"]] == ["PUMP-1", "LOTION-1"]
    assert page["__count"] == "5"
    assert browser.get(f"{path}/$count").text == "5"
    chosen = get(browser, path, select="Product,to_Plant/Plant", expand="to_Plant", top="1")["results"][0]
    assert set(chosen) == {"__metadata", "Product", "to_Plant"}
    assert set(chosen["to_Plant"]["results"][0]) == {"__metadata", "Plant"}
    key = "ControllingArea='A000',CostCenter='CC-OLD',ValidityEndDate=datetime'2020-12-31T00:00:00'"
    assert get(browser, f"{ROOT}/API_COSTCENTER_SRV/A_CostCenter({key})")["CompanyCode"] == "1000"


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("Product eq 'PUMP-1'", ["PUMP-1"]),
        ("Product gt 'LOTION-1' and Product lt 'STOP-1'", ["PUMP-1"]),
        ("(Product eq 'PUMP-1' or Product eq 'GONE-1') and not (BaseUnit ne 'EA')", ["GONE-1", "PUMP-1"]),
        ("IsBatchManagementRequired eq true", ["LOTION-1"]),
        ("startswith(Product,'ST') or substringof('OVE',Product) eq true", ["GLOVE-NIT-M", "STOP-1"]),
        ("CrossPlantStatusValidityDate eq null and Product le 'GLOVE-NIT-M'", ["GLOVE-NIT-M"]),
        ("LastChangeDateTime ge datetimeoffset'9999-01-01T00:00:00Z'", []),
        ("CreationDate eq datetime'2020-01-01T00:00:00' and endswith(Product,'P-1')", ["PUMP-1", "STOP-1"]),
    ],
)
def test_filters(browser: httpx.Client, text: str, products: list[str]) -> None:
    found = get(browser, f"{ROOT}/API_PRODUCT_SRV/A_Product", filter=text, orderby="Product")
    assert [
        one["Product"] for one in found["results"] if one["Product"] != "GONE-1" or "GONE-1" in products
    ] == products


@pytest.mark.parametrize(
    "options",
    [
        {"filter": "Nothing eq 'x'"},
        {"filter": "Product eq"},
        {"filter": "Product is 'x'"},
        {"filter": "Product eq 5"},
        {"filter": "Product eq 'x' and"},
        {"filter": "(Product eq 'x'"},
        {"filter": "Product eq 'x')"},
        {"filter": "CreationDate eq datetime'soon'"},
        {"filter": "(" * 500},
        {"filter": "not " * 500},
        {"top": "-1"},
        {"skip": "many"},
        {"orderby": "Nothing"},
        {"select": "Nothing"},
        {"expand": "to_Nothing"},
        {"search": "x"},
    ],
)
def test_wrong_queries_are_refused_with_words(browser: httpx.Client, options: dict[str, str]) -> None:
    text = query({f"${name}": value for name, value in options.items()})
    error(browser.get(f"{ROOT}/API_PRODUCT_SRV/A_Product?{text}"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text("Product eqandort()',5M'ge le", max_size=60) | st.text(max_size=30))
def test_no_filter_breaks_the_server(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    client = create_app(folder / "data", write_master(folder / "master")).test_client()
    answer = client.get(f"{ROOT}/API_PRODUCT_SRV/A_Product?{query({'$filter': text})}", auth=LOGIN)
    assert answer.status_code in {200, 400}


# Batch


def batch(parts: str) -> dict[str, Any]:
    body = parts.strip().replace("\n", "\r\n") + "\r\n"
    return {"content": body.encode(), "headers": {"Content-Type": "multipart/mixed; boundary=b1"}}


def change_set(*orders: dict[str, Any]) -> str:
    requests_ = "".join(
        "--c1\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n"
        f"POST A_PurchaseOrder HTTP/1.1\nContent-Type: application/json\n\n{json.dumps(order)}\n"
        for order in orders
    )
    return f"--b1\nContent-Type: multipart/mixed; boundary=c1\n\n{requests_}--c1--\n"


READ_ALL = (
    "--b1\nContent-Type: application/http\n\nGET A_PurchaseOrder?$top=5 HTTP/1.1\nAccept: */*\n\n\n--b1--\n"
)


def test_a_change_set_is_done_whole(sandbox: RunningErp, browser: httpx.Client) -> None:
    second = {**ORDER, "CorrespncExternalReference": "MR26-0000002"}
    answer = browser.post(f"{ORDERS}/$batch", **batch(change_set(ORDER, second) + READ_ALL))
    assert answer.status_code == 202
    assert answer.text.count("HTTP/1.1 201 Created") == 2
    assert answer.text.count("HTTP/1.1 200 OK") == 1
    assert [one["reference"] for one in sandbox.documents()["purchase_orders"]] == [
        "MR26-0000001",
        "MR26-0000002",
    ]


def test_a_change_set_with_one_fault_is_not_done_at_all(sandbox: RunningErp, browser: httpx.Client) -> None:
    wrong = {**ORDER, "Supplier": "404"}
    answer = browser.post(f"{ORDERS}/$batch", **batch(change_set(ORDER, wrong) + READ_ALL))
    assert answer.status_code == 202
    assert "Supplier 404 does not exist" in answer.text
    assert "201 Created" not in answer.text
    assert sandbox.documents()["purchase_orders"] == []


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"--b1\r\n\r\nGET\r\n--b1--", b"--b1\r\nContent-Type: application/http\r\n\r\n"],
)
def test_wrong_batches_are_refused(browser: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b1"}
    error(browser.post(f"{ORDERS}/$batch", content=body, headers=headers))
    error(browser.post(f"{ORDERS}/$batch", content=body, headers={"Content-Type": "text/plain"}))


# Receipts


def test_a_receipt_can_be_cancelled_once_and_posted_again(sandbox: RunningErp, browser: httpx.Client) -> None:
    browser.post(f"{ORDERS}/A_PurchaseOrder", json=ORDER)
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
