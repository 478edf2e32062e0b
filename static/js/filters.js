// Filters apply themselves: choices at once, typing after a pause. Without this script there is "Apply".
const PAUSE = 300;
let timer = 0;

const apply = (form) => {
  clearTimeout(timer);
  form.requestSubmit();
};

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-autosubmit]");
  if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) apply(form);
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-autosubmit][hx-get]");
  if (!form || !event.target.matches("input[type=text], input[type=search]")) return;
  clearTimeout(timer);
  timer = setTimeout(apply, PAUSE, form);
});
