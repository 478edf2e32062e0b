// Dialogs open as popovers without this script; with it they are modal: focus stays inside, Escape closes.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.getAttribute("popovertarget"));
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
    dialog.addEventListener("close", () => opener.focus(), { once: true });
    return;
  }
  const closer = event.target.closest("[data-dialog-close]");
  const dialog = event.target.closest("dialog:modal");
  if (dialog && (closer || event.target === dialog)) {
    event.preventDefault();
    dialog.close();
  }
});
