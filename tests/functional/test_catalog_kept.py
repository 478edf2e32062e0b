"""What a search found is shown again, and found anew after any change of what it reads."""

import re
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text, update

from portal.catalog.asked import Here, Search
from portal.catalog.browsing import COUNTS
from portal.catalog.models import Offer
from portal.catalog.search import FIRST, PAGE, find
from portal.foundation.db import Base, db, transaction
from portal.identity.rules import Role
from portal.masterdata.models import ContractLine, Item, ItemCategory, Supplier
from portal.migrations.catalog_changes import SEARCHED
from tests.hospital import Hospital
from tests.requesting import guided, offered, synonym
from tests.statements import recorded
from tests.visitor import Visitor

READ = re.compile(r"\b(?:FROM|JOIN) (\w+)")
FUNCTIONS = "SELECT prosrc FROM pg_proc WHERE proname ~ '^portal_(catalog|similar|words)_'"
ASKED = (Search("zzpad"), Search("04012345678901"), Search(contract=1, sort="price"))
FINDS = "code_key"


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    with transaction():
        offered(hospital, "U-1", "Underpad, 23 x 36 in")
    return client


def is_looked_for(client: Visitor) -> bool:
    """Whether the page of a search asked the catalog, or showed what it had found before."""
    with recorded() as statements:
        assert client.get("/catalog?q=underpad").status_code == 200
    return any(FINDS in one for one in statements)


def test_nothing_is_found_as_it_was_before_a_change(manager: Visitor, hospital: Hospital) -> None:
    assert is_looked_for(manager)
    assert not is_looked_for(manager)
    changes = (
        lambda: synonym("chux", "underpad"),
        lambda: db.session.execute(update(Supplier).values(name="Harborline West")),
        lambda: db.session.execute(update(Item).values(lot_tracked=True)),
        lambda: db.session.execute(update(ContractLine).values(unit_price=Decimal("71.20"))),
        lambda: db.session.execute(update(Offer).values(supplier_part="HW-4471")),
        lambda: db.session.add(ItemCategory(name="Underpads", parent="Med-surg")),
        lambda: offered(hospital, "U-2", "Underpad, 36 x 36 in"),
        lambda: guided(hospital.clinic, {hospital.gloves_offer: 1}),
    )
    for change in changes:
        with transaction():
            change()
        assert is_looked_for(manager)
        assert not is_looked_for(manager)
    text = manager.get("/catalog?q=underpad").get_data(as_text=True)
    assert "Harborline West" in text
    for new in ("Underpad, 36 x 36 in", "$71.20", "HW-4471"):
        assert new in text


def test_what_a_change_that_was_undone_showed_is_not_kept(manager: Visitor) -> None:
    assert is_looked_for(manager)
    db.session.execute(update(Supplier).values(name="Never so"))
    db.session.rollback()
    assert not is_looked_for(manager)


def test_every_table_that_a_search_reads_is_watched(hospital: Hospital) -> None:
    here = Here(date(2026, 11, 22))
    with recorded() as statements:
        for asked in ASKED:
            find(asked, here, number=1, per_page=25)
    functions = db.session.scalars(text(FUNCTIONS))
    read = {
        name for one in (*statements, PAGE, str(FIRST), str(COUNTS), *functions) for name in READ.findall(one)
    }
    assert read & set(Base.metadata.tables) == set(SEARCHED)
