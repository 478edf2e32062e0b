"""What the sandbox ERP answers to query options and batches."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.formats.odata import query
from integrations.sandbox.erp import LOGIN, create_app
from tests.erp_sandbox import (
    ORDER_PAYLOAD,
    ORDERS,
    PRODUCTS,
    ROOT,
    RunningErp,
    error,
    get,
    running_erp,
    write_master,
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningErp]:
    with running_erp(tmp_path / "data", write_master(tmp_path / "master")) as running:
        yield running


@pytest.fixture
def browser(sandbox: RunningErp) -> Iterator[httpx.Client]:
    with sandbox.browser() as client:
        yield client


def test_query_options(browser: httpx.Client) -> None:
    page = get(browser, PRODUCTS, orderby="Product desc", top="2", skip="1", inlinecount="allpages")
    assert [one["Product"] for one in page["results"]] == ["PUMP-1", "LOTION-1"]
    assert page["__count"] == "5"
    assert browser.get(f"{PRODUCTS}/$count").text == "5"
    chosen = get(browser, PRODUCTS, select="Product,to_Plant/Plant", expand="to_Plant", top="1")["results"][0]
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
    found = get(browser, PRODUCTS, filter=text, orderby="Product")
    assert [one["Product"] for one in found["results"]] == products


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
    error(browser.get(f"{PRODUCTS}?{text}"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text("Product eqandort()',5M'ge le", max_size=60) | st.text(max_size=30))
def test_no_filter_breaks_the_server(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    client = create_app(folder / "data", write_master(folder / "master")).test_client()
    answer = client.get(f"{PRODUCTS}?{query({'$filter': text})}", auth=LOGIN)
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
    second = {**ORDER_PAYLOAD, "CorrespncExternalReference": "MR26-0000002"}
    answer = browser.post(f"{ORDERS}/$batch", **batch(change_set(ORDER_PAYLOAD, second) + READ_ALL))
    assert answer.status_code == 202
    assert answer.text.count("HTTP/1.1 201 Created") == 2
    assert answer.text.count("HTTP/1.1 200 OK") == 1
    assert [one["reference"] for one in sandbox.documents()["purchase_orders"]] == [
        "MR26-0000001",
        "MR26-0000002",
    ]


def test_a_change_set_with_one_fault_is_not_done_at_all(sandbox: RunningErp, browser: httpx.Client) -> None:
    wrong = {**ORDER_PAYLOAD, "Supplier": "404"}
    answer = browser.post(f"{ORDERS}/$batch", **batch(change_set(ORDER_PAYLOAD, wrong) + READ_ALL))
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
