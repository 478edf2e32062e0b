// Parts of a page that refresh themselves ([data-live]) keep what the person has in hand: open cards stay open, the
// focus stays where it was, nothing is exchanged under a hand that types, and nobody is asked while the page is hidden.
const cards = (root) => Array.from(root.querySelectorAll("details"));
const label = (card) => card.querySelector("summary .step-label, summary")?.textContent.trim();
const sameAs = (one) => (other) =>
  other.tagName === one.tagName && other.textContent.trim() === one.textContent.trim() &&
  ["href", "aria-label", "name"].every((name) => other.getAttribute(name) === one.getAttribute(name));

let kept = null;

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-live]") && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const root = event.detail.target;
  if (!root.matches?.("[data-live]") || !event.detail.shouldSwap) return;
  const active = root.contains(document.activeElement) ? document.activeElement : null;
  if (active?.matches("input, textarea, select")) {
    event.detail.shouldSwap = false;
    return;
  }
  const alike = active && Array.from(root.querySelectorAll(active.tagName)).filter(sameAs(active));
  kept = {
    id: root.id,
    touched: new Map(cards(root).map((card) => [label(card), card.open])),
    active: active && { element: active, id: active.id, index: alike.indexOf(active) },
  };
});

document.addEventListener("htmx:afterSwap", () => {
  const root = kept && document.getElementById(kept.id);
  if (!root) return;
  const { touched, active } = kept;
  kept = null;
  // Cards of one name close each other, so those to be closed go first.
  const known = cards(root).filter((card) => touched.has(label(card)));
  known.filter((card) => !touched.get(label(card))).forEach((card) => { card.open = false; });
  known.filter((card) => touched.get(label(card))).forEach((card) => { card.open = true; });
  if (!active) return;
  const alike = Array.from(root.querySelectorAll(active.element.tagName)).filter(sameAs(active.element));
  const again = (active.id && document.getElementById(active.id)) || alike[active.index];
  (again ?? root).focus({ preventScroll: true });
});
