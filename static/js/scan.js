// Scanners type the group separator of GS1 as Ctrl+], which no field takes: its sign stands for it.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "]" || !event.ctrlKey || !field.matches?.("input, textarea") || field.selectionStart === null) return;
  event.preventDefault();
  event.stopPropagation();
  field.setRangeText("\u241d", field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}, { capture: true });

// Scanners end what they type with Enter: in a form that asks for it, Enter moves on instead of sending the form.
const FIELDS = "input:not([type=hidden]), select, textarea";

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-enter-moves]");
  if (event.key !== "Enter" || !form || !event.target.matches("input, select")) return;
  event.preventDefault();
  const stops = [...form.querySelectorAll(FIELDS), form.querySelector("[data-enter-ends]")];
  const next = stops[stops.indexOf(event.target) + 1];
  next?.focus();
  next?.select?.();
});

// Ctrl+down in such a form copies into the next empty field of the same name: one lot for many rows.
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-enter-moves]");
  if (event.key !== "ArrowDown" || !event.ctrlKey || !form || !event.target.name) return;
  const kind = event.target.name.split("-").at(-1);
  const column = [...form.querySelectorAll(`[name$="-${CSS.escape(kind)}"]:not([type=hidden])`)];
  const next = column[column.indexOf(event.target) + 1];
  if (!next) return;
  event.preventDefault();
  next.value ||= event.target.value;
  next.focus();
});
