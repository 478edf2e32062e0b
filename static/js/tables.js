// Tables by keyboard: up and down move within a column of fields, Ctrl+down copies into the next empty one.
// The box in the header selects every row of the page.
const column = (field) => {
  const cell = field.closest("td, th");
  return [...cell.closest("tbody").rows]
    .map((row) => row.cells[cell.cellIndex]?.querySelector("input:not([type=hidden]), select"))
    .filter((candidate) => candidate && !candidate.disabled && !candidate.readOnly);
};

const move = (field, step) => {
  const fields = column(field);
  const next = fields[fields.indexOf(field) + step];
  next?.focus();
  next?.select?.();
  return next;
};

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!field.closest?.("table[data-keyboard] tbody") || !field.matches("input, select")) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey || event.metaKey || field.matches("select, [type=date], [list]")) return;
  event.preventDefault();
  const value = field.value;
  const next = move(field, step);
  if (!event.ctrlKey || step !== 1 || !next || next.value) return;
  next.value = value;
  next.dispatchEvent(new Event("change", { bubbles: true }));
});

const boxes = (table) => [...table.querySelectorAll("tbody .select-cell input[type=checkbox]")];

// The box in the header is on when every row is, and half on when only some are.
const follow = (all) => {
  const rows = boxes(all.closest("table"));
  const checked = rows.filter((box) => box.checked).length;
  all.checked = rows.length > 0 && checked === rows.length;
  all.indeterminate = checked > 0 && checked < rows.length;
};

const followAll = () => document.querySelectorAll("[data-select-all]").forEach(follow);

document.addEventListener("change", (event) => {
  const table = event.target.closest("table");
  const all = table?.querySelector("[data-select-all]");
  if (!all) return;
  if (event.target === all) {
    boxes(table).forEach((box) => {
      box.checked = all.checked;
    });
  }
  follow(all);
});

document.addEventListener("htmx:load", followAll);
window.addEventListener("pageshow", followAll);
