"""Opens the adapter of a partner with the login from the environment."""

from collections.abc import Callable

from flask import current_app

from integrations.erp.contract import Erp
from integrations.http import Connection
from integrations.network.contract import Network
from integrations.registry import ERPS, NETWORKS
from portal.exchange.models import Partner
from portal.foundation.trace import current_trace
from portal.settings import Settings, partner_secret

REGISTRY: dict[str, dict[str, Callable[[Connection], Erp]] | dict[str, Callable[[Connection], Network]]] = {
    "erp": ERPS,
    "network": NETWORKS,
}


def open_adapter(partner: Partner) -> Erp | Network:
    """The adapter of the partner; the caller closes it."""
    settings: Settings = current_app.extensions["settings"]
    connection = Connection(
        base_url=partner.base_url,
        username=partner.username,
        secret=partner_secret(partner.secret_name) if partner.secret_name else "",
        settings={key: str(value) for key, value in partner.settings.items()},
        allowed_hosts=settings.partner_hosts,
        timeout_seconds=settings.partner_timeout_seconds,
        trace_id=current_trace(),
    )
    return REGISTRY[partner.kind][partner.adapter](connection)


def open_erp(partner: Partner) -> Erp:
    """The adapter of an ERP partner; the caller closes it."""
    adapter = open_adapter(partner)
    assert partner.kind == "erp"
    return adapter  # type: ignore[return-value]  # the registry holds only ERPs under "erp"
