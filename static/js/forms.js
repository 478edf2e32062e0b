// One submit per form: a second click while the first is on its way does nothing. A form whose answer never
// replaces the page (a download, a lost connection) may be sent again after a while.
const PATIENCE = 10_000;

const release = (form) => {
  form.removeAttribute("data-sent");
  form.querySelectorAll("[aria-disabled=true][data-busy]").forEach((button) => {
    button.removeAttribute("aria-disabled");
    button.removeAttribute("data-busy");
  });
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.hasAttribute("data-sent")) {
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  form.setAttribute("data-sent", "");
  const button = event.submitter ?? form.querySelector("button[type=submit]");
  button?.setAttribute("aria-disabled", "true");
  button?.setAttribute("data-busy", "");
  setTimeout(release, PATIENCE, form);
}, true);

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form");
  if (form) release(form);
});
// The browser's back button may show the page as it was left.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));

// The error summary takes the focus, so that it is read first.
const focusSummary = (root) => root.querySelector?.("[data-focus]")?.focus();
focusSummary(document);
document.addEventListener("htmx:afterSwap", (event) => focusSummary(event.target));
