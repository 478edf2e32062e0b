"""What must be known of one customer's S/4HANA before it can be spoken to."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from integrations.errors import Misconfigured


def _pairs(value: object) -> object:
    """{"BX": "KAR"} from "BX=KAR, CA=KI"."""
    if not isinstance(value, str):
        return value
    parts = [part.partition("=") for part in value.split(",") if part.strip()]
    return {left.strip(): right.strip() for left, _, right in parts}


def _words(value: object) -> object:
    return frozenset(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[frozenset[str], BeforeValidator(_words)]


class Settings(BaseModel):
    """The adapter's settings; every value arrives as text, unknown keys belong to others.

    `units` maps unit codes of the portal to those of the ERP ("BX=KAR, CA=KI") where they differ.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    company_code: str = Field(default="", max_length=4)
    purchasing_organization: str = Field(default="", max_length=4)
    purchasing_group: str = Field(default="", max_length=3)
    order_type: str = Field(default="NB", max_length=4)
    consignment_category: str = Field(default="2", min_length=1, max_length=1)
    currency: str = Field(default="", max_length=5)
    client: str = Field(default="", pattern=r"^([0-9]{3})?$")
    language: str = Field(default="EN", pattern=r"^[A-Z]{2}$")
    root: str = "/sap/opu/odata/sap"
    repeatability: bool = True
    page_size: int = Field(default=200, ge=1, le=5000)
    units: Annotated[dict[str, str], BeforeValidator(_pairs)] = {}
    controlling_area: str = Field(default="", max_length=4)
    chart_of_accounts: str = Field(default="", max_length=4)
    storage_locations: str = "API_STORAGELOCATION_SRV/StorageLocation"
    unspsc_field: str = "ProductGroup"
    blocked_statuses: Words = frozenset({"01", "BP"})
    discontinued_statuses: Words = frozenset({"OB"})
    network_id_type: str = Field(default="ANID", max_length=6)
    manufacturer_group: str = Field(default="MNFR", max_length=4)
    item_filter: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Self:
        """Reads a connection's settings; raises Misconfigured naming the first wrong one."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0] if first["loc"] else "settings"
            raise Misconfigured(f"setting {name}: {first['msg']} (it is {first['input']!r})") from error

    def require_purchasing(self) -> None:
        """Raises Misconfigured when a setting every purchase order needs is empty."""
        for name in ("company_code", "purchasing_organization", "purchasing_group"):
            if not getattr(self, name):
                raise Misconfigured(f"setting {name} is empty; every purchase order needs it")

    def erp_unit(self, unit: str) -> str:
        """The ERP's code of a unit."""
        return self.units.get(unit, unit)

    def portal_unit(self, unit: str) -> str:
        """The portal's code of a unit."""
        return next((ours for ours, theirs in self.units.items() if theirs == unit), unit)
