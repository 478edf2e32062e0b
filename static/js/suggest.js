// A box that suggests while somebody types: arrows walk through what is offered, Enter takes it, Escape leaves.
// The list comes from the server; what is taken is its code, and the quantity is asked for next.
const listOf = (box) => document.getElementById(box.getAttribute("aria-controls"));
const chosen = (list) => list?.querySelector("[aria-selected=true]");

const close = (box) => {
  listOf(box).replaceChildren();
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
};

const mark = (box, step) => {
  const options = Array.from(listOf(box).children);
  const present = options.indexOf(chosen(listOf(box)));
  const next = present < 0 && step < 0 ? options.length - 1 : (present + step + options.length) % options.length;
  options.forEach((one, index) => one.setAttribute("aria-selected", String(index === next)));
  options[next].scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-activedescendant", options[next].id);
};

const take = (box, option) => {
  box.value = option.dataset.code;
  close(box);
  box.form.querySelector("[name=quantity]").select();
};

document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("[data-suggests]");
  if (!box || !listOf(box).children.length) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) mark(box, step);
  else if (event.key === "Enter" && chosen(listOf(box))) take(box, chosen(listOf(box)));
  else if (event.key === "Enter" || event.key === "Tab") return close(box);
  else if (event.key === "Escape") close(box);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.(".suggestions [role=option]");
  for (const box of document.querySelectorAll("[data-suggests]")) {
    if (option && listOf(box).contains(option)) {
      event.preventDefault();
      take(box, option);
    } else if (event.target !== box) close(box);
  }
});

// What was typed last counts: an answer that comes after the box was left is not shown.
document.addEventListener("htmx:afterSwap", (event) => {
  const box = document.querySelector(`[data-suggests][aria-controls="${CSS.escape(event.target.id)}"]`);
  if (!box) return;
  if (document.activeElement !== box) return close(box);
  box.setAttribute("aria-expanded", String(listOf(box).children.length > 0));
});
