"""A small believable organization with a cast of people, made anew for every test that asks for it."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import TypeVar

from integrations.canonical import Lifecycle
from portal.budgets.models import Budget
from portal.budgets.rules import Control
from portal.catalog.models import Offer
from portal.catalog.services import align_offers
from portal.exchange.models import Partner, Route
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization
from portal.identity import services as identity
from portal.identity.models import Account, Organization, RoleAssignment
from portal.identity.passwords import hash_password
from portal.identity.rules import ROLE_LABELS, Role
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    Facility,
    GlAccount,
    Item,
    ItemPackaging,
    Location,
    Supplier,
)
from portal.masterdata.rules import LocationKind

T = TypeVar("T")
PASSWORD = "a long enough pass phrase"


@dataclass
class Hospital:
    """Rows by what a test needs of them; the session stays inside this organization."""

    organization: Organization
    facility: Facility
    clinic: Location
    storeroom: Location
    cost_center: CostCenter
    gl_account: GlAccount
    supplier: Supplier
    gloves: Item
    gloves_offer: Offer
    catheter: Item
    catheter_offer: Offer
    contract: Contract
    budget: Budget
    accounts: dict[Role, Account] = field(default_factory=dict)

    def actor(self, role: Role) -> Actor:
        """The person of the cast with this role."""
        return identity.actor_of(self.accounts[role])

    def email(self, role: Role) -> str:
        """The sign-in name of the person with this role; the password is PASSWORD."""
        return self.accounts[role].email


def build(*, budget: Decimal = Decimal(1000)) -> Hospital:
    """Creates the organization in the current transaction; the caller commits."""
    mark = secrets.token_hex(4)
    organization = identity.create_organization(slug=f"hospital-{mark}", name=f"Hospital {mark}")
    enter_organization(organization.id)
    today = clock.today()
    year = timedelta(days=365)
    facility = _added(
        Facility(code="1010", name="Main hospital", street="1 Hospital Way", city="Lakeshore", region="WI",
                 postal_code="53000", gln="0614141000012", time_zone="America/Chicago")
    )  # fmt: skip
    cost_center = _added(
        CostCenter(code="CC100", name="Emergency", facility_id=facility.id, company_code="1010",
                   valid_from=today - year, valid_to=today + year)
    )  # fmt: skip
    gl_account = _added(GlAccount(code="65100000", name="Medical supplies"))
    clinic = _added(
        Location(code="ED01", name="Emergency department", kind=LocationKind.DEPARTMENT,
                 facility_id=facility.id, cost_center_id=cost_center.id)
    )  # fmt: skip
    storeroom = _added(
        Location(code="ST01", name="Central storeroom", kind=LocationKind.STOREROOM,
                 facility_id=facility.id, cost_center_id=cost_center.id)
    )  # fmt: skip
    supplier = _added(Supplier(code="17300001", name="Harborline Medical", network_id=f"AN-{mark}"))
    contract = _added(
        Contract(number="C-1001", name="Med-surg", supplier_id=supplier.id,
                 valid_from=today - year, valid_to=today + year)
    )  # fmt: skip
    gloves, gloves_offer = _item(
        "GLOVE-M", "Exam glove, nitrile, medium", gl_account, contract, price=Decimal("7.25")
    )
    catheter, catheter_offer = _item(
        "CATH-14", "Urinary catheter, 14 Fr", gl_account, contract, price=Decimal("20.00"), lot_tracked=True
    )
    align_offers()
    hospital = Hospital(
        organization=organization, facility=facility, clinic=clinic, storeroom=storeroom,
        cost_center=cost_center, gl_account=gl_account, supplier=supplier, gloves=gloves,
        gloves_offer=gloves_offer, catheter=catheter, catheter_offer=catheter_offer, contract=contract,
        budget=_added(
            Budget(cost_center_id=cost_center.id, period_start=today.replace(month=1, day=1),
                   period_end=today.replace(month=12, day=31), amount=budget, control=Control.BLOCK)
        ),
    )  # fmt: skip
    hospital.accounts.update(_people(mark, clinic))
    return hospital


def _people(mark: str, clinic: Location) -> dict[Role, Account]:
    """One person per role, written at once: nearly every test wants a hospital of its own."""
    people = {
        role: Account(
            email=f"{role}-{mark}@example.org", name=ROLE_LABELS[role], password_hash=_hash_of_password(),
            home_location_id=clinic.id,
        )
        for role in Role
    }  # fmt: skip
    db.session.add_all(people.values())
    db.session.flush()
    db.session.add_all(RoleAssignment(account_id=one.id, role=role) for role, one in people.items())
    db.session.flush()
    return people


@cache
def _hash_of_password() -> str:
    return hash_password(PASSWORD)


def add_partners(hospital: Hospital, *, erp_url: str, network_url: str) -> tuple[Partner, Partner]:
    """An ERP and a network partner with their routes: ERP first, then the network."""
    mark = hospital.organization.slug
    erp = _added(
        Partner(code="erp", name="S/4HANA", kind="erp", adapter="s4hana", base_url=erp_url,
                username="PORTAL", secret_name="ERP",
                settings={"company_code": "1010", "purchasing_organization": "1010",
                          "purchasing_group": "001", "currency": "USD"})
    )  # fmt: skip
    network = _added(
        Partner(code="network", name="Business Network", kind="network", adapter="sap_business_network",
                base_url=network_url, secret_name="NETWORK",
                settings={"sender_domain": "NetworkID", "sender_identity": mark,
                          "from_domain": "NetworkID", "from_identity": mark},
                inbound_domain="networkid", inbound_identity="AN-HUB", inbound_to=mark,
                inbound_secret_name="NETWORK_INBOUND")
    )  # fmt: skip
    _added(Route(document="purchase_order", position=1, partner_id=erp.id))
    _added(Route(document="purchase_order", position=2, partner_id=network.id))
    _added(Route(document="receipt", position=1, partner_id=erp.id))
    return erp, network


def _item(
    code: str,
    name: str,
    gl_account: GlAccount,
    contract: Contract,
    *,
    price: Decimal,
    lot_tracked: bool = False,
) -> tuple[Item, Offer]:
    """An item in boxes of 10, on contract, with its offer."""
    item = _added(
        Item(code=code, name=name, category="Med-surg", unspsc="42132203", base_uom="EA",
             gl_account_id=gl_account.id, lot_tracked=lot_tracked, expiry_tracked=lot_tracked,
             lifecycle=Lifecycle.ACTIVE)
    )  # fmt: skip
    _added(ItemPackaging(item_id=item.id, uom="EA", factor=Decimal(1)))
    _added(ItemPackaging(item_id=item.id, uom="BX", factor=Decimal(10)))
    _added(
        ContractLine(contract_id=contract.id, item_id=item.id, supplier_part=f"S-{code}", uom="BX",
                     minimum_quantity=Decimal(0), unit_price=price, valid_from=contract.valid_from,
                     valid_to=contract.valid_to)
    )  # fmt: skip
    offer = _added(
        Offer(item_id=item.id, supplier_id=contract.supplier_id, supplier_part=f"S-{code}", uom="BX",
              factor=Decimal(10), list_price=price + 1)
    )  # fmt: skip
    return item, offer


def _added(row: T) -> T:
    db.session.add(row)
    db.session.flush()
    return row
