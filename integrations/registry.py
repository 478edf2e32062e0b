"""Which adapter speaks to which system: one line each."""

from collections.abc import Callable

from integrations.erp.contract import Erp
from integrations.http import Connection
from integrations.network.contract import Network

ERPS: dict[str, Callable[[Connection], Erp]] = {}
NETWORKS: dict[str, Callable[[Connection], Network]] = {}
