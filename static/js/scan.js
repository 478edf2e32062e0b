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
