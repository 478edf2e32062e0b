"""Addresses and references to the parties' own numbers (cXML.dtd 1.2.063, Address and IdReference)."""

from collections.abc import Mapping

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import Address
from integrations.formats.cxml.reading import Reader, text_at, unusable
from integrations.formats.cxml.writing import add, add_text

COUNTRIES = {"US": "United States"}


def add_address(parent: etree._Element, tag: str, address: Address, references: Mapping[str, str]) -> None:
    """Appends ShipTo or BillTo; `references` are identifiers by domain."""
    holder = add(parent, tag)
    element = add(holder, "Address", isoCountryCode=address.country, addressID=address.code)
    add_text(element, "Name", address.name)
    postal = add(element, "PostalAddress")
    if address.deliver_to:
        add(postal, "DeliverTo", address.deliver_to)
    add(postal, "Street", address.street)
    add(postal, "City", address.city)
    if address.region:
        add(postal, "State", address.region)
    if address.postal_code:
        add(postal, "PostalCode", address.postal_code)
    country = COUNTRIES.get(address.country, address.country)
    add(postal, "Country", country, isoCountryCode=address.country)
    add_references(holder, references)


def add_references(holder: etree._Element, references: Mapping[str, str]) -> None:
    """Appends an IdReference for every identifier that is not empty."""
    for domain, identifier in references.items():
        if identifier:
            add(holder, "IdReference", identifier=identifier, domain=domain)


def read_references(holder: etree._Element | None) -> dict[str, str]:
    """The identifiers directly below an element, by domain."""
    found = [] if holder is None else holder.findall("IdReference")
    return {reference.get("domain", ""): reference.get("identifier", "") for reference in found}


def read_address(holder: etree._Element, reader: Reader) -> Address:
    """The Address below ShipTo or BillTo; several streets or receivers become one text."""
    element = reader.child(holder, "Address")
    postal = "PostalAddress/"
    streets = [(street.text or "").strip() for street in element.findall(f"{postal}Street")]
    country = element.find(f"{postal}Country")
    code = (country.get("isoCountryCode") if country is not None else None) or element.get("isoCountryCode")
    people = [(person.text or "").strip() for person in element.findall(f"{postal}DeliverTo")]
    try:
        return Address(
            name=text_at(element, "Name"),
            code=(element.get("addressID") or "").strip(),
            deliver_to=", ".join(person for person in people if person),
            street=", ".join(street for street in streets if street),
            city=text_at(element, f"{postal}City"),
            region=text_at(element, f"{postal}State"),
            postal_code=text_at(element, f"{postal}PostalCode"),
            country=(code or "US").strip().upper(),
        )
    except ValidationError as error:
        raise unusable(element, error) from error
