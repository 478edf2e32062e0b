"""Prints a service's $metadata: an EDMX of OData version 2 made from our own tables."""

from lxml import etree

from integrations.sandbox.erp.model import EntitySet, Navigation, Property, Service

EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
SAP = "http://www.sap.com/Protocols/SAPData"


def metadata(service: Service) -> bytes:
    """The EDMX document of a service."""
    root = etree.Element(f"{{{EDMX}}}Edmx", {"Version": "1.0"}, nsmap={"edmx": EDMX, "m": DATA, "sap": SAP})
    data = etree.SubElement(root, f"{{{EDMX}}}DataServices", {f"{{{DATA}}}DataServiceVersion": "2.0"})
    schema = etree.XML(f'<Schema xmlns="{EDM}"/>')
    schema.set("Namespace", service.namespace)
    data.append(schema)
    for entity_set in service.sets.values():
        _entity_type(schema, service, entity_set)
    for entity_set in service.sets.values():
        for link in entity_set.navigations.values():
            _association(schema, service, entity_set, link)
    _container(schema, service)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _entity_type(schema: etree._Element, service: Service, entity_set: EntitySet) -> None:
    element = _sub(schema, "EntityType", Name=entity_set.type_name)
    key = _sub(element, "Key")
    for name in entity_set.keys:
        _sub(key, "PropertyRef", Name=name)
    for one in entity_set.properties.values():
        _sub(element, "Property", Name=one.name, Type=one.type, **_facets(one, one.name in entity_set.keys))
    for link in entity_set.navigations.values():
        name = _association_name(entity_set, link)
        roles = {"FromRole": f"From_{name}", "ToRole": f"To_{name}"}
        _sub(
            element, "NavigationProperty", Name=link.name, Relationship=f"{service.namespace}.{name}", **roles
        )


def _facets(one: Property, is_key: bool) -> dict[str, str]:
    facets = {"Nullable": "false"} if is_key else {}
    if one.size is not None:
        facets["MaxLength" if one.type == "Edm.String" else "Precision"] = str(one.size)
    if one.scale is not None:
        facets["Scale"] = str(one.scale)
    return facets


def _association(schema: etree._Element, service: Service, entity_set: EntitySet, link: Navigation) -> None:
    name = _association_name(entity_set, link)
    element = _sub(schema, "Association", Name=name)
    target = service.sets[link.target]
    own, theirs = (f"{service.namespace}.{one.type_name}" for one in (entity_set, target))
    _sub(element, "End", Type=own, Multiplicity="1", Role=f"From_{name}")
    _sub(element, "End", Type=theirs, Multiplicity="*" if link.many else "0..1", Role=f"To_{name}")


def _container(schema: etree._Element, service: Service) -> None:
    container = _sub(schema, "EntityContainer", Name=f"{service.namespace}_Entities")
    container.set(f"{{{DATA}}}IsDefaultEntityContainer", "true")
    for one in service.sets.values():
        _sub(container, "EntitySet", Name=one.name, EntityType=f"{service.namespace}.{one.type_name}")
    for entity_set in service.sets.values():
        for link in entity_set.navigations.values():
            name = _association_name(entity_set, link)
            element = _sub(container, "AssociationSet", Name=name, Association=f"{service.namespace}.{name}")
            _sub(element, "End", EntitySet=entity_set.name, Role=f"From_{name}")
            _sub(element, "End", EntitySet=link.target, Role=f"To_{name}")
    for function in service.functions.values():
        returned = service.sets[function.returns]
        names = {"ReturnType": f"{service.namespace}.{returned.type_name}", "EntitySet": returned.name}
        element = _sub(container, "FunctionImport", Name=function.name, **names)
        element.set(f"{{{DATA}}}HttpMethod", "POST")
        for parameter in function.parameters:
            facets = _facets(parameter, is_key=False)
            _sub(element, "Parameter", Name=parameter.name, Type=parameter.type, Mode="In", **facets)


def _association_name(entity_set: EntitySet, link: Navigation) -> str:
    return f"{entity_set.name}_{link.name}"


def _sub(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{EDM}}}{name}", attributes)
