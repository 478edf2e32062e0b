"""What axe says of a page (WCAG 2.2 A and AA, and good practice)."""

from playwright.sync_api import Page, ViewportSize

from portal.foundation.web import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLORS = ["color-contrast", "link-in-text-block"]
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=400, height=860)


def violations(page: Page, rules: list[str] = RULES) -> list[str]:
    """What axe finds by all rules, or by those named (which then is much quicker), one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async (names) => (await axe.run({runOnly: names})).violations", rules)
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]
