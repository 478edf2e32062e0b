"""At the point of care many labels carry the product in one barcode, lot, serial and expiry in another."""

from integrations.clinical import UsageStatus
from tests.care_ward import GLOVE, GS, HIP, Ward, ward, words

__all__ = ["ward"]


def test_the_second_barcode_completes_what_the_first_named(ward: Ward) -> None:
    alone = ward.do(scan=f"]C117300131{GS}10H1")
    assert "(01) is missing. Scan the other barcode of the pack, too." in words(alone)
    first = ward.do(scan=f"]C101{HIP}")
    whole = ward.do(ward.do(first, scan=f"]C117300131{GS}10H1"), scan="]C121S1")
    assert ward.recorded() == []
    ward.do(whole, do="record", side="Left")
    assert ward.recorded(details=True) == [("H1", "S1", "Left", HIP, UsageStatus.IMPLANTED)]


def test_the_barcode_of_something_else_is_not_taken_for_its_second(ward: Ward) -> None:
    ward.do(ward.do(scan=GLOVE), scan=f"01{HIP}17300131{GS}10H1{GS}21S2")
    assert [one.item_id for one in ward.recorded()] == [ward.hospital.gloves.id]
