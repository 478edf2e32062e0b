// A dismissed message goes away and hands the focus on.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (!button) return;
  button.closest("[data-dismissible]").remove();
  document.getElementById("content")?.focus();
});
