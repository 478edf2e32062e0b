"""The sandbox ERP as a real server on loopback, with a little master data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from integrations.erp.s4hana import S4Hana
from integrations.formats.odata import query
from integrations.http import Connection
from integrations.sandbox.erp import LOGIN, create_app
from integrations.sandbox.serving import server

MASTER = {
    "facilities": """code,name,street,city,region,postal_code,country,gln
1010,Clinic North,1 Main St,Dayton,OH,45402,US,0614141010103
1020,Surgery Center,2 Main St,Dayton,OH,45402,US,0614141010202
""",
    "locations": """code,name,facility,kind,cost_center
ER01,Emergency Department,1010,department,CC-ER-100
OR01,Operating Room,1020,department,CC-OR-100
""",
    "cost_centers": """code,name,facility,valid_from,valid_to,company_code
CC-ER-100,Emergency,1010,2019-01-01,9999-12-31,1000
CC-OR-100,Operating room,1020,2019-01-01,year-end,1000
CC-OLD,Closed ward,1010,2019-01-01,2020-12-31,1000
CC-TWICE,Moved ward,1010,2019-01-01,2020-12-31,1000
CC-TWICE,Moved ward (new),1010,2021-01-01,9999-12-31,1000
""",
    "gl_accounts": """code,name
0065100000,Medical supplies
0065200000,Drugs
""",
    "suppliers": """code,name,network_id,email,minimum_order,blocked
17300001,Northmere Hospital Supply,AN01000000001,orders@northmere.example,100.00,no
17300002,Cedarwick Medical,AN01000000002,orders@cedarwick.example,0.00,no
17300003,Stopped Supply,,orders@stopped.example,0.00,yes
""",
    "items": """code,name,category,unspsc,manufacturer,manufacturer_part,base_uom,base_gtin,\
lot_tracked,serial_tracked,expiry_tracked,lifecycle,gl_account
GLOVE-NIT-M,"Glove, exam, nitrile, powder-free, chemo rated, medium",Gloves,42132203,Vellora,VH1000-M,EA,\
09521101010107,no,no,no,active,0065100000
LOTION-1,Skin lotion,Skin,53131613,Vellora,VL-1,EA,09521101010206,yes,no,yes,active,0065100000
PUMP-1,Infusion pump,Pumps,42222001,Axon Devices,AX-9,EA,09521101010305,no,yes,no,active,0065100000
GONE-1,Old dressing,Dressings,42311505,,,EA,,no,no,no,discontinued,0065100000
STOP-1,Blocked dressing,Dressings,42311505,,,EA,,no,no,no,blocked,0065100000
""",
    "item_packaging": """item,uom,factor,gtin
GLOVE-NIT-M,BX,100,19521101010104
GLOVE-NIT-M,CA,1000,29521101010101
""",
}
ROOT = "/sap/opu/odata/sap"
ORDERS = f"{ROOT}/API_PURCHASEORDER_PROCESS_SRV"
DOCUMENTS = f"{ROOT}/API_MATERIAL_DOCUMENT_SRV"
PRODUCTS = f"{ROOT}/API_PRODUCT_SRV/A_Product"
ITEM_PAYLOAD: dict[str, Any] = {
    "PurchaseOrderItem": "10",
    "Plant": "1010",
    "Material": "GLOVE-NIT-M",
    "OrderQuantity": "40",
    "PurchaseOrderQuantityUnit": "BX",
    "NetPriceAmount": "7.25",
    "AccountAssignmentCategory": "K",
    "to_AccountAssignment": [{"CostCenter": "CC-ER-100", "GLAccount": "0065100000", "Quantity": "40"}],
}
ORDER_PAYLOAD: dict[str, Any] = {
    "CompanyCode": "1000",
    "PurchaseOrderType": "NB",
    "Supplier": "17300001",
    "PurchasingOrganization": "1000",
    "PurchasingGroup": "001",
    "DocumentCurrency": "USD",
    "CorrespncExternalReference": "MR26-0000001",
    "to_PurchaseOrderItem": [ITEM_PAYLOAD],
}
SETTINGS = {"company_code": "1000", "purchasing_organization": "1000", "purchasing_group": "001"}


def write_master(folder: Path, **changes: str) -> Path:
    """The CSV files in a folder; `changes` replaces whole files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**MASTER, **changes}.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class RunningErp:
    """A running sandbox ERP."""

    url: str

    def connection(self, **changes: Any) -> Connection:
        """How the portal would reach it."""
        usual: dict[str, Any] = {
            "base_url": self.url,
            "username": LOGIN[0],
            "secret": LOGIN[1],
            "settings": SETTINGS,
            "allowed_hosts": frozenset({"127.0.0.1"}),
            "timeout_seconds": 5.0,
        }
        return Connection(**{**usual, **changes})

    @contextmanager
    def adapter(self, **changes: Any) -> Iterator[S4Hana]:
        """An adapter that is closed afterwards."""
        adapter = S4Hana(self.connection(**changes))
        try:
            yield adapter
        finally:
            adapter.close()

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """A logged-in client with a CSRF token."""
        with httpx.Client(base_url=self.url, auth=LOGIN, trust_env=False) as client:
            token = client.get(f"{ORDERS}/", headers={"X-CSRF-Token": "Fetch"}).headers["x-csrf-token"]
            client.headers["X-CSRF-Token"] = token
            yield client

    def script(self, effect: str, **rule: object) -> None:
        """Adds a rule of scripted behavior."""
        httpx.post(f"{self.url}/sandbox/behavior", json={"effect": effect, **rule}).raise_for_status()

    def documents(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What the ERP holds."""
        found: Mapping[str, Sequence[Mapping[str, Any]]] = httpx.get(f"{self.url}/sandbox/documents").json()
        return found

    def end_sessions(self) -> None:
        """Makes every CSRF token stale."""
        httpx.delete(f"{self.url}/sandbox/sessions").raise_for_status()


def get(client: httpx.Client, path: str, **options: str) -> Any:
    """What a GET with these query options answers."""
    answer = client.get(f"{path}?{query({f'${name}': value for name, value in options.items()})}")
    assert answer.status_code == 200, answer.text
    return answer.json()["d"]


def error(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    """The error of a refused request."""
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()["error"]
    assert found["code"]
    assert found["innererror"]["errordetails"]
    return found


@contextmanager
def running_erp(data_dir: Path, master_data: Path | None) -> Iterator[RunningErp]:
    """Serves from a thread on a free port."""
    listening = server(create_app(data_dir, master_data), "127.0.0.1", 0)
    thread = Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield RunningErp(f"http://127.0.0.1:{listening.server_port}")
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
