// The cart by keyboard: Enter after a code asks for the quantity, pasted rows go to where rows are read, and
// submitting waits for what is being kept.
document.addEventListener("keydown", (event) => {
  const code = event.target.closest?.("[data-quick-code]");
  if (event.key !== "Enter" || !code || !code.value.trim()) return;
  event.preventDefault();
  const quantity = code.form.querySelector("[name=quantity]");
  quantity.focus();
  quantity.select();
});

document.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text") ?? "";
  if (!event.target.closest?.("[data-quick-code]") || !/[\t\n]/.test(text.trim())) return;
  event.preventDefault();
  const place = document.getElementById("paste-rows");
  const rows = place.querySelector("textarea");
  place.open = true;
  rows.value = text;
  rows.focus();
});

let keeping = false;
let waiting = null;

// Choosing that several pay, or one again, asks for other boxes, another pack has another unit; the page stays
// where it is.
const ask = (form) => {
  if (keeping) setTimeout(ask, 100, form);
  else htmx.ajax("POST", form.action, { source: form, target: "body", swap: "innerHTML show:none" });
};
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-cart] select:is([name^=split-], [name^=offer-])")) ask(event.target.form);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches?.("[data-keeps]")) keeping = true;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.target.matches?.("[data-keeps]")) return;
  keeping = false;
  const { form, submitter } = waiting ?? {};
  waiting = null;
  setTimeout(() => form?.requestSubmit(submitter));
});
window.addEventListener("submit", (event) => {
  if (!keeping || !event.target.matches("form[data-cart]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = { form: event.target, submitter: event.submitter };
}, true);
