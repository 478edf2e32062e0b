"""The services of the sandbox ERP: names, types and lengths as in SAP's metadata, a part of each."""

from integrations.sandbox.erp.model import EntitySet, Function, Service, columns, entity_set, link

ORDER = entity_set(
    "A_PurchaseOrder",
    "PurchaseOrder",
    """
    PurchaseOrder s10, CompanyCode s4, PurchaseOrderType s4, PurchasingDocumentDeletionCode s1
    PurchasingProcessingStatus s2, CreatedByUser s12, CreationDate date0, LastChangeDateTime instant7
    Supplier s10, Language s2, PaymentTerms s4, PurchasingOrganization s4, PurchasingGroup s3
    PurchaseOrderDate date0, DocumentCurrency s5, SupplierQuotationExternalID s10
    CorrespncExternalReference s12, CorrespncInternalReference s12, InvoicingParty s10
    ReleaseIsNotCompleted bool, PurchasingCompletenessStatus bool, IncotermsClassification s3
    """,
    (
        link("to_PurchaseOrderItem", "A_PurchaseOrderItem", "PurchaseOrder"),
        link("to_PurchaseOrderNote", "A_PurchaseOrderNote", "PurchaseOrder"),
    ),
)
ORDER_ITEM = entity_set(
    "A_PurchaseOrderItem",
    "PurchaseOrder PurchaseOrderItem",
    """
    PurchaseOrder s10, PurchaseOrderItem s5, PurchasingDocumentDeletionCode s1, PurchaseOrderItemText s40
    Plant s4, StorageLocation s4, MaterialGroup s9, SupplierMaterialNumber s35, OrderQuantity d13.3
    PurchaseOrderQuantityUnit s3, OrderPriceUnit s3, DocumentCurrency s5, NetPriceAmount d12.3
    NetPriceQuantity d5.0, TaxCode s2, OverdelivTolrtdLmtRatioInPct d3.1, UnlimitedOverdeliveryIsAllowed bool
    UnderdelivTolrtdLmtRatioInPct d3.1, IsCompletelyDelivered bool, IsFinallyInvoiced bool
    PurchaseOrderItemCategory s1
    AccountAssignmentCategory s1, MultipleAcctAssgmtDistribution s1, GoodsReceiptIsExpected bool
    InvoiceIsExpected bool, InvoiceIsGoodsReceiptBased bool, SupplierConfirmationControlKey s4
    PurchaseRequisition s10, PurchaseRequisitionItem s5, RequisitionerName s12, Material s40
    ManufacturerMaterial s40, Batch s10, DeliveryAddressName s40
    """,
    (
        link("to_AccountAssignment", "A_PurOrdAccountAssignment", "PurchaseOrder PurchaseOrderItem"),
        link(
            "to_ScheduleLine",
            "A_PurchaseOrderScheduleLine",
            "PurchaseOrder=PurchasingDocument PurchaseOrderItem=PurchasingDocumentItem",
        ),
    ),
)
ASSIGNMENT = entity_set(
    "A_PurOrdAccountAssignment",
    "PurchaseOrder PurchaseOrderItem AccountAssignmentNumber",
    """
    PurchaseOrder s10, PurchaseOrderItem s5, AccountAssignmentNumber s2, PurchaseOrderQuantityUnit s3
    Quantity d13.3, MultipleAcctAssgmtDistrPercent d3.1, PurgDocNetAmount d14.3, GLAccount s10
    CostCenter s10, ControllingArea s4, OrderID s12, ProfitCenter s10, WBSElement s24
    GoodsRecipientName s12, UnloadingPointName s25
    """,
)
SCHEDULE_LINE = entity_set(
    "A_PurchaseOrderScheduleLine",
    "PurchasingDocument PurchasingDocumentItem ScheduleLine",
    """
    PurchasingDocument s10, PurchasingDocumentItem s5, ScheduleLine s4, DelivDateCategory s1
    ScheduleLineDeliveryDate date0, PurchaseOrderQuantityUnit s3, ScheduleLineOrderQuantity d13.3
    """,
)
ORDER_NOTE = entity_set(
    "A_PurchaseOrderNote",
    "PurchaseOrder TextObjectType Language",
    "PurchaseOrder s10, TextObjectType s4, Language s2, PlainLongText s",
)
MATERIAL_DOCUMENT = entity_set(
    "A_MaterialDocumentHeader",
    "MaterialDocumentYear MaterialDocument",
    """
    MaterialDocumentYear s4, MaterialDocument s10, DocumentDate date0, PostingDate date0, CreationDate date0
    CreationTime time0, CreatedByUser s12, MaterialDocumentHeaderText s25, ReferenceDocument s16
    GoodsMovementCode s2
    """,
    (link("to_MaterialDocumentItem", "A_MaterialDocumentItem", "MaterialDocument MaterialDocumentYear"),),
    group="MaterialDocument",
)
MATERIAL_DOCUMENT_ITEM = entity_set(
    "A_MaterialDocumentItem",
    "MaterialDocumentYear MaterialDocument MaterialDocumentItem",
    """
    MaterialDocumentYear s4, MaterialDocument s10, MaterialDocumentItem s4, Material s40, Plant s4
    StorageLocation s4, Batch s10, GoodsMovementType s3, InventorySpecialStockType s1, Supplier s10
    PurchaseOrder s10, PurchaseOrderItem s5, GoodsMovementRefDocType s1, CostCenter s10, GLAccount s10
    MaterialBaseUnit s3, QuantityInBaseUnit d13.3, EntryUnit s3, QuantityInEntryUnit d13.3
    IsCompletelyDelivered bool, MaterialDocumentItemText s50, ShelfLifeExpirationDate date0
    ManufactureDate date0
    GoodsMovementIsCancelled bool, ReversedMaterialDocumentYear s4, ReversedMaterialDocument s10
    ReversedMaterialDocumentItem s4
    """,
    (
        link(
            "to_SerialNumbers",
            "A_SerialNumberMaterialDocument",
            "MaterialDocument MaterialDocumentYear MaterialDocumentItem",
        ),
    ),
    group="MaterialDocument",
)
SERIAL_NUMBER = entity_set(
    "A_SerialNumberMaterialDocument",
    "Material SerialNumber MaterialDocument MaterialDocumentItem MaterialDocumentYear",
    """
    Material s40, SerialNumber s18, MaterialDocument s10, MaterialDocumentItem s4, MaterialDocumentYear s4
    ManufacturerSerialNumber s30
    """,
    group="MaterialDocument",
)
PLANT = entity_set("A_Plant", "Plant", "Plant s4, PlantName s30, CompanyCode s4, CompanyCodeName s25")
STORAGE_LOCATION = entity_set(
    "StorageLocation",
    "Plant StorageLocation",
    """
    Plant s4, StorageLocation s4, StorageLocationName s16, SalesOrganization s4, DistributionChannel s2
    Division s2, IsStorLocAuthznCheckActive bool
    """,
)
COST_CENTER = entity_set(
    "A_CostCenter",
    "ControllingArea CostCenter ValidityEndDate",
    """
    ControllingArea s4, CostCenter s10, ValidityEndDate date0, ValidityStartDate date0, CompanyCode s4
    CostCenterCurrency s5, Department s12, CostCenterCategory s1, IsBlkdForPrimaryCostsPosting s1, Language s2
    CostCenterCreationDate date0
    """,
    (link("to_Text", "A_CostCenterText", "CostCenter ControllingArea ValidityEndDate"),),
    group="CostCenter",
)
COST_CENTER_TEXT = entity_set(
    "A_CostCenterText",
    "CostCenter ControllingArea Language ValidityEndDate",
    """
    CostCenter s10, ControllingArea s4, Language s2, ValidityEndDate date0, ValidityStartDate date0
    CostCenterName s20, CostCenterDescription s40
    """,
)
GL_ACCOUNT = entity_set(
    "A_GLAccountInChartOfAccounts",
    "ChartOfAccounts GLAccount",
    """
    ChartOfAccounts s4, GLAccount s10, IsBalanceSheetAccount bool, GLAccountGroup s4
    AccountIsMarkedForDeletion bool, AccountIsBlockedForPosting bool, CreationDate date0
    LastChangeDateTime instant0, GLAccountType s1, GLAccountExternal s10, IsProfitLossAccount bool
    """,
    (link("to_Text", "A_GLAccountText", "GLAccount ChartOfAccounts"),),
    group="GLAccount",
)
GL_ACCOUNT_TEXT = entity_set(
    "A_GLAccountText",
    "ChartOfAccounts GLAccount Language",
    """
    ChartOfAccounts s4, GLAccount s10, Language s2, GLAccountName s20, GLAccountLongName s50
    LastChangeDateTime instant0
    """,
    group="GLAccount",
)
PARTNER = entity_set(
    "A_BusinessPartner",
    "BusinessPartner",
    """
    BusinessPartner s10, Customer s10, Supplier s10, BusinessPartnerCategory s1, BusinessPartnerFullName s81
    BusinessPartnerName s81, CreationDate date0, LastChangeDate date0, OrganizationBPName1 s40
    SearchTerm1 s20, BusinessPartnerIsBlocked bool, IsMarkedForArchiving bool
    """,
    (
        link("to_Supplier", "A_Supplier", "Supplier", many=False),
        link("to_BuPaIdentification", "A_BuPaIdentification", "BusinessPartner"),
    ),
)
SUPPLIER = entity_set(
    "A_Supplier",
    "Supplier",
    """
    Supplier s10, CreationDate date0, PaymentIsBlockedForSupplier bool, PostingIsBlocked bool
    PurchasingIsBlocked bool, SupplierAccountGroup s4, SupplierFullName s220, SupplierName s80
    DeletionIndicator bool
    """,
)
IDENTIFICATION = entity_set(
    "A_BuPaIdentification",
    "BusinessPartner BPIdentificationType BPIdentificationNumber",
    """
    BusinessPartner s10, BPIdentificationType s6, BPIdentificationNumber s60, BPIdnNmbrIssuingInstitute s40
    ValidityStartDate date0, ValidityEndDate date0
    """,
)
PRODUCT = entity_set(
    "A_Product",
    "Product",
    """
    Product s40, ProductType s4, CrossPlantStatus s2, CrossPlantStatusValidityDate date0, CreationDate date0
    LastChangeDate date0, LastChangeDateTime instant7, IsMarkedForDeletion bool, ProductOldID s40
    PurchaseOrderQuantityUnit s3, ProductGroup s9, BaseUnit s3, ProductHierarchy s18
    IndustryStandardName s18, ProductStandardID s18, InternationalArticleNumberCat s2
    IsBatchManagementRequired bool, ExternalProductGroup s18, ProductManufacturerNumber s40
    ManufacturerNumber s10, IndustrySector s1, SerialNumberProfile s4
    """,
    (
        link("to_Description", "A_ProductDescription", "Product"),
        link("to_Plant", "A_ProductPlant", "Product"),
        link("to_ProductBasicText", "A_ProductBasicText", "Product"),
        link("to_ProductStorage", "A_ProductStorage", "Product", many=False),
        link("to_ProductUnitsOfMeasure", "A_ProductUnitsOfMeasure", "Product"),
    ),
)
PRODUCT_DESCRIPTION = entity_set(
    "A_ProductDescription", "Product Language", "Product s40, Language s2, ProductDescription s40"
)
PRODUCT_TEXT = entity_set("A_ProductBasicText", "Product Language", "Product s40, Language s2, LongText s")
PRODUCT_PLANT = entity_set(
    "A_ProductPlant",
    "Product Plant",
    """
    Product s40, Plant s4, PurchasingGroup s3, ProfileCode s2, IsMarkedForDeletion bool
    IsBatchManagementRequired bool, SerialNumberProfile s4, BaseUnit s3
    """,
)
PRODUCT_STORAGE = entity_set(
    "A_ProductStorage",
    "Product",
    """
    Product s40, StorageConditions s2, MinRemainingShelfLife d4.0, ShelfLifeExpirationDatePeriod s1
    TotalShelfLife d4.0, BaseUnit s3
    """,
)
PRODUCT_UNIT = entity_set(
    "A_ProductUnitsOfMeasure",
    "Product AlternativeUnit",
    """
    Product s40, AlternativeUnit s3, QuantityNumerator d5.0, QuantityDenominator d5.0
    GlobalTradeItemNumber s18, GlobalTradeItemNumberCategory s2, BaseUnit s3
    """,
)
CANCEL = Function(
    "Cancel",
    MATERIAL_DOCUMENT.name,
    columns("MaterialDocumentYear s4, MaterialDocument s10, PostingDate date0"),
)


def _service(
    name: str, *sets: EntitySet, namespace: str = "", functions: tuple[Function, ...] = ()
) -> Service:
    return Service(
        name,
        namespace or name,
        {one.name: one for one in sets},
        {one.name: one for one in functions},
    )


SERVICES = {
    service.name: service
    for service in (
        _service("API_PURCHASEORDER_PROCESS_SRV", ORDER, ORDER_ITEM, ASSIGNMENT, SCHEDULE_LINE, ORDER_NOTE),
        _service(
            "API_MATERIAL_DOCUMENT_SRV",
            MATERIAL_DOCUMENT,
            MATERIAL_DOCUMENT_ITEM,
            SERIAL_NUMBER,
            functions=(CANCEL,),
        ),
        _service("API_PLANT_SRV", PLANT),
        _service("API_STORAGELOCATION_SRV", STORAGE_LOCATION, namespace="cds_api_storagelocation_srv"),
        _service("API_COSTCENTER_SRV", COST_CENTER, COST_CENTER_TEXT),
        _service("API_GLACCOUNTINCHARTOFACCOUNTS_SRV", GL_ACCOUNT, GL_ACCOUNT_TEXT),
        _service("API_BUSINESS_PARTNER", PARTNER, SUPPLIER, IDENTIFICATION),
        _service(
            "API_PRODUCT_SRV",
            PRODUCT,
            PRODUCT_DESCRIPTION,
            PRODUCT_TEXT,
            PRODUCT_PLANT,
            PRODUCT_STORAGE,
            PRODUCT_UNIT,
        ),
    )
}
SETS = {one.name: one for service in SERVICES.values() for one in service.sets.values()}
