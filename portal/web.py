"""How the pages are served."""

import os
import sys
from pathlib import Path

CORES = os.cpu_count() or 1
ROOT = Path(__file__).resolve().parents[1]


def web_command(bind: str, *, workers: int = CORES, threads: int = 4) -> list[str]:
    """The gunicorn command; the application is built once and inherited by every process."""
    return [
        sys.executable, "-m", "gunicorn", "wsgi:app", "--chdir", str(ROOT), "--preload", "--bind", bind,
        "--workers", str(workers), "--threads", str(threads), "--graceful-timeout", "10",
        # Longer than proxies keep an idle connection: one closed under a request would be an error there.
        "--keep-alive", "75", "--no-control-socket", "--log-level", "warning",
    ]  # fmt: skip
