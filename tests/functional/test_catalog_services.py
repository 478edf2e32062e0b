"""Offers follow the master data they come from."""

from decimal import Decimal

from portal.catalog import services
from portal.catalog.models import Offer
from portal.foundation.db import db, transaction
from portal.masterdata.models import Item, ItemPackaging
from portal.masterdata.rules import ImportKind
from tests.hospital import Hospital


def test_a_renamed_item_is_found_under_its_new_name_and_pack(hospital: Hospital) -> None:
    with transaction() as session:
        item = session.get_one(Item, hospital.gloves.id)
        item.name = "Exam glove, vinyl, medium"
        box = session.query(ItemPackaging).filter_by(item_id=item.id, uom="BX").one()
        box.factor, box.gtin = Decimal(50), "09521101010107"
        session.flush()
        services.follow_import(ImportKind.ITEMS)
    db.session.expire_all()
    offer = db.session.get_one(Offer, hospital.gloves_offer.id)
    assert "vinyl" in offer.words
    assert "09521101010107" in offer.words
    assert hospital.supplier.name in offer.words
    assert offer.factor == 50


def test_other_imports_leave_offers_alone(hospital: Hospital) -> None:
    db.session.refresh(hospital.gloves_offer, ["words"])
    before = hospital.gloves_offer.words
    with transaction():
        services.follow_import(ImportKind.COST_CENTERS)
    db.session.expire_all()
    assert db.session.get_one(Offer, hospital.gloves_offer.id).words == before
