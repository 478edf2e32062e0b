// Arrow keys move between the days of a calendar, Page Up and Page Down to the span before and after.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

document.addEventListener("keydown", (event) => {
  const day = event.target.closest?.("[data-calendar] .calendar-day");
  if (!day || event.ctrlKey || event.altKey || event.metaKey) return;
  const page = { PageUp: "before", PageDown: "after" }[event.key];
  if (page) {
    event.preventDefault();
    document.querySelector(`[data-calendar-${page}]`)?.click();
  }
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  const days = Array.from(day.closest("[data-calendar]").querySelectorAll(".calendar-day"));
  days[days.indexOf(day) + STEPS[event.key]]?.focus();
});
