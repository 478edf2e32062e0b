"""Opens the adapter of a partner with the login from the environment."""

from collections.abc import Callable, Mapping

from flask import current_app

from integrations.ehr.hl7_sender import Hl7Sender
from integrations.erp.contract import Erp
from integrations.errors import Misconfigured, PartnerError
from integrations.health import Health
from integrations.http import Connection
from integrations.network.contract import Network
from integrations.registry import ERPS, LETTERS, NETWORKS, SENDERS
from portal.exchange.models import Partner
from portal.foundation.trace import current_trace
from portal.settings import Settings, partner_secret


def open_adapter(partner: Partner, *, timeout_seconds: float | None = None) -> Erp | Network | Hl7Sender:
    """The adapter of the partner; the caller closes it. Raises Misconfigured for an unknown one."""
    if partner.kind == "erp":
        return open_erp(partner, timeout_seconds=timeout_seconds)
    kinds: dict[str, Mapping[str, Callable[[Connection], Network | Hl7Sender]]]
    kinds = {"network": {**NETWORKS, **LETTERS}, "ehr": SENDERS}
    opener = kinds.get(partner.kind, {}).get(partner.adapter)
    if opener is None:
        raise _unknown(partner)
    return opener(_connection(partner, timeout_seconds))


def open_erp(partner: Partner, *, timeout_seconds: float | None = None) -> Erp:
    """The adapter of an ERP partner; the caller closes it. Raises Misconfigured for another kind."""
    opener = ERPS.get(partner.adapter) if partner.kind == "erp" else None
    if opener is None:
        raise _unknown(partner)
    return opener(_connection(partner, timeout_seconds))


def check(partner: Partner, *, timeout_seconds: float | None = None) -> Health:
    """Reaches the partner and logs in; what is set up wrong is an answer too."""
    try:
        adapter = open_adapter(partner, timeout_seconds=timeout_seconds)
    except PartnerError as error:
        return Health(reachable=False, login_ok=False, detail=str(error), milliseconds=0)
    try:
        return adapter.check()
    finally:
        adapter.close()


def _connection(partner: Partner, timeout_seconds: float | None) -> Connection:
    settings: Settings = current_app.extensions["settings"]
    if partner.adapter == "mail":  # our own mail server, not a partner's
        return Connection(
            base_url=settings.smtp_url.get_secret_value(),
            settings={"sender": settings.mail_from},
            timeout_seconds=timeout_seconds or settings.partner_timeout_seconds,
        )
    return Connection(
        base_url=partner.base_url,
        username=partner.username,
        secret=partner_secret(partner.secret_name) if partner.secret_name else "",
        settings={key: str(value) for key, value in partner.settings.items()},
        allowed_hosts=settings.partner_hosts,
        timeout_seconds=timeout_seconds or settings.partner_timeout_seconds,
        trace_id=current_trace(),
    )


def _unknown(partner: Partner) -> Misconfigured:
    return Misconfigured(
        f"{partner.name} is set up as {partner.kind} with the adapter {partner.adapter}, which does not exist"
    )
