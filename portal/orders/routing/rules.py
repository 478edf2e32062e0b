"""The ways an order may take, as the partners' adapters by position."""

from enum import StrEnum


class Way(StrEnum):
    """How the orders of a supplier travel."""

    USUAL = "usual"
    ERP_NETWORK = "erp_network"
    ERP = "erp"
    NETWORK = "network"
    ERP_MAIL = "erp_mail"
    MAIL = "mail"


ERP, NETWORK, MAIL = "ERP", "network", "e-mail"
STOPS: dict[Way, tuple[str, ...]] = {
    Way.ERP_NETWORK: (ERP, NETWORK),
    Way.ERP: (ERP,),
    Way.NETWORK: (NETWORK,),
    Way.ERP_MAIL: (ERP, MAIL),
    Way.MAIL: (MAIL,),
}
LABELS: dict[Way, str] = {
    Way.USUAL: "As every supplier",
    Way.ERP_NETWORK: "ERP, then network",
    Way.ERP: "ERP only: the ERP sends it on",
    Way.NETWORK: "Network only",
    Way.ERP_MAIL: "ERP, then e-mail",
    Way.MAIL: "E-mail only",
}


def stop_of(kind: str, adapter: str) -> str:
    """What a partner is on an order's way."""
    if kind == "erp":
        return ERP
    return MAIL if adapter == "mail" else NETWORK


def way_of(stops: tuple[str, ...]) -> Way:
    """The way through these stops; the usual one for a route that is no choice here."""
    return next((way for way, wanted in STOPS.items() if wanted == stops), Way.USUAL)
