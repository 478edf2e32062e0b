"""The two sandbox partners on loopback, with the master data of the test hospital."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

from flask import Flask

from integrations.sandbox import erp, serving
from integrations.sandbox.network.app import create_app
from integrations.sandbox.network.settings import NetworkSettings
from tests.hospital import Hospital

ERP_SECRET = "erp-secret"
NETWORK_SECRET = "network-secret"
INBOUND_SECRET = "inbound-secret"

MASTER = {
    "facilities": "code,name,street,city,region,postal_code,country,gln,time_zone\n"
    "1010,Main hospital,1 Hospital Way,Lakeshore,WI,53000,US,0614141000012,America/Chicago\n",
    "locations": "code,name,facility,kind,cost_center\n"
    "ED01,Emergency department,1010,department,CC100\nST01,Central storeroom,1010,storeroom,CC100\n",
    "cost_centers": "code,name,facility,valid_from,valid_to,company_code\n"
    "CC100,Emergency,1010,-365d,+365d,1010\n",
    "gl_accounts": "code,name\n65100000,Medical supplies\n",
    "suppliers": "code,name,network_id,email,minimum_order\n17300001,Harborline Medical,,,0\n",
    "items": "code,name,category,unspsc,manufacturer,manufacturer_part,base_uom,base_gtin,lot_tracked,"
    "serial_tracked,expiry_tracked,lifecycle,gl_account\n"
    'GLOVE-M,"Exam glove, nitrile, medium",Med-surg,42132203,,,EA,,no,no,no,active,65100000\n'
    'CATH-14,"Urinary catheter, 14 Fr",Med-surg,42132203,,,EA,,yes,no,yes,active,65100000\n',
    "item_packaging": "item,uom,factor,gtin\nGLOVE-M,BX,10,\nCATH-14,BX,10,\n",
}


@dataclass(frozen=True)
class Partners:
    """Where the partners listen, and what they hold."""

    erp_url: str
    network_url: str

    def erp_orders(self) -> Sequence[dict[str, Any]]:
        """Purchase orders in the ERP."""
        return self._documents(self.erp_url)["purchase_orders"]

    def erp_receipts(self) -> Sequence[dict[str, Any]]:
        """Material documents in the ERP."""
        return self._documents(self.erp_url)["receipts"]

    def network_orders(self) -> Sequence[dict[str, Any]]:
        """Orders the suppliers hold."""
        return self._documents(self.network_url)["orders"]

    def _documents(self, url: str) -> dict[str, Sequence[dict[str, Any]]]:
        with urlopen(f"{url}/sandbox/documents", timeout=10) as answer:  # noqa: S310  # loopback only
            documents: dict[str, Sequence[dict[str, Any]]] = json.load(answer)
        return documents


@contextmanager
def running(folder: Path, hospital: Hospital) -> Iterator[Partners]:
    """Both partners, until the block ends."""
    master = folder / "master"
    master.mkdir(parents=True)
    for name, text in MASTER.items():
        (master / f"{name}.csv").write_text(text, encoding="utf-8")
    settings = NetworkSettings(
        data_dir=folder / "network",
        portal_url="",
        buyers={hospital.organization.slug: NETWORK_SECRET},
        secret=INBOUND_SECRET,
        automatic=False,
    )
    with (
        _served(erp.create_app(folder / "erp", master, login=("PORTAL", ERP_SECRET))) as erp_url,
        _served(create_app(settings)) as network_url,
    ):
        yield Partners(erp_url, network_url)


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    server = serving.server(app, "127.0.0.1", 0)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
