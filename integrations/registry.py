"""Which adapter speaks to which system: one line each."""

from collections.abc import Callable

from integrations.ehr.contract import Cache, Ehr, Registration
from integrations.ehr.hl7_sender import Hl7Sender
from integrations.ehr.smart import Smart
from integrations.erp.contract import Erp
from integrations.erp.s4hana import S4Hana
from integrations.http import Connection
from integrations.network.contract import InboundFormat, Network
from integrations.network.inbound import CxmlInbound
from integrations.network.mail import MailedOrders
from integrations.network.sap_business_network import SapBusinessNetwork

EHRS: dict[str, Callable[[Registration, Connection, Cache], Ehr]] = {"smart": Smart}
ERPS: dict[str, Callable[[Connection], Erp]] = {"s4hana": S4Hana}
SENDERS: dict[str, Callable[[Connection], Hl7Sender]] = {"hl7v2": Hl7Sender}
NETWORKS: dict[str, Callable[[Connection], Network]] = {"sap_business_network": SapBusinessNetwork}
LETTERS: dict[str, Callable[[Connection], Network]] = {"mail": MailedOrders}
INBOUND: dict[str, InboundFormat] = {"cxml": CxmlInbound()}
