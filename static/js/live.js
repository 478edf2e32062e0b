// Parts of a page that refresh themselves ([data-live]) keep what the person has in hand: cards opened or closed by hand
// stay so, the focus stays where it was, nothing is exchanged under a hand that types, nobody is asked while the page is
// hidden.
const cards = (root) => Array.from(root.querySelectorAll("details"));
// A step is known by its label: the note under it changes.
const words = (one) => (one.querySelector(".step-label") ?? one).textContent.trim();
const label = (card) => words(card.querySelector("summary"));
const sameAs = (one) => (other) =>
  other.tagName === one.tagName && words(other) === words(one) &&
  ["href", "aria-label", "name"].every((name) => other.getAttribute(name) === one.getAttribute(name));

const touched = new Set();
let kept = null;

document.addEventListener("click", (event) => {
  const root = event.target.closest("summary")?.closest("[data-live]");
  if (root) touched.add(root.id);
});

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
    opened: new Map(touched.has(root.id) ? cards(root).map((card) => [label(card), card.open]) : []),
    active: active && { element: active, id: active.id, index: alike.indexOf(active) },
  };
});

document.addEventListener("htmx:afterSwap", () => {
  const root = kept && document.getElementById(kept.id);
  if (!root) return;
  const { opened, active } = kept;
  kept = null;
  // Cards of one name close each other, so those to be closed go first.
  const known = cards(root).filter((card) => opened.has(label(card)));
  known.filter((card) => !opened.get(label(card))).forEach((card) => { card.open = false; });
  known.filter((card) => opened.get(label(card))).forEach((card) => { card.open = true; });
  if (!active) return;
  const alike = Array.from(root.querySelectorAll(active.element.tagName)).filter(sameAs(active.element));
  const again = (active.id && document.getElementById(active.id)) || alike[active.index];
  (again ?? root).focus({ preventScroll: true });
});
