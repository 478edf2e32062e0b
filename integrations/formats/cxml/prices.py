"""Prices in cXML item details, which may hold for a basis of many units."""

from decimal import InvalidOperation

from lxml import etree

from integrations.canonical import Money
from integrations.errors import Unreadable
from integrations.formats.cxml.reading import MAX_DECIMALS, Reader, where


def price_per_unit(detail: etree._Element, reader: Reader) -> Money:
    """The price of one unit of measure.

    With a PriceBasisQuantity the stated price is for `quantity` price units, of which one unit of
    measure holds `conversionFactor` (cXML.dtd, PriceBasisQuantity).
    """
    price = reader.money(reader.child(detail, "UnitPrice"))
    basis = detail.find("PriceBasisQuantity")
    if basis is None:
        return price
    quantity = reader.number(basis, "quantity")
    factor = reader.number(basis, "conversionFactor")
    if not quantity:
        raise Unreadable("PriceBasisQuantity quantity is zero", position=where(basis))
    try:
        amount = round(price.amount * factor / quantity, MAX_DECIMALS)
    except InvalidOperation as error:
        raise Unreadable("the price per unit is too large", position=where(basis)) from error
    return Money(amount=amount, currency=price.currency)
