// Search by keyboard: the shortcut jumps to the box, arrows walk through the results, Escape leaves.
const typing = (element) => element.matches("input, select, textarea, [contenteditable]");

const walk = (box, step) => {
  const stops = [box.querySelector("input[type=search]"), ...box.querySelectorAll(".search-results a")];
  const next = stops.indexOf(document.activeElement) + step;
  stops[Math.min(Math.max(next, 0), stops.length - 1)].focus();
};

const leave = (box) => {
  box.querySelector(".search-results")?.replaceChildren();
  box.querySelector("input[type=search]").focus();
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = event.target.closest?.("[data-search]");
  if (box) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) walk(box, step);
    else if (event.key === "Escape") leave(box);
    else return;
    event.preventDefault();
    return;
  }
  if (typing(event.target)) return;
  const target = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  target.focus();
  target.select();
});

document.addEventListener("click", (event) => {
  document.querySelectorAll("[data-search]").forEach((box) => {
    if (!box.contains(event.target)) box.querySelector(".search-results")?.replaceChildren();
  });
});
