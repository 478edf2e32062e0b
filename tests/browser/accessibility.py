"""What axe says of a page (WCAG 2.2 A and AA, and good practice)."""

from playwright.sync_api import Page, ViewportSize

from portal.foundation.web import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=400, height=860)


def violations(page: Page) -> list[str]:
    """What axe finds, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async (tags) => (await axe.run({runOnly: tags})).violations", RULES)
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]
