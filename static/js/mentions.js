// Typing @ in a comment offers the people of the select beside it; the name chosen is written into the text.
const MOST = 8;

const begun = (box) => /(?:^|[^\w.])@([^@\n]{0,40})$/.exec(box.value.slice(0, box.selectionStart))?.[1];

for (const box of document.querySelectorAll("textarea[data-mentions]")) {
  const names = Array.from(document.getElementById(box.dataset.mentions)?.options ?? [])
    .filter((option) => option.value)
    .map((option) => option.text);
  const list = document.createElement("ul");
  list.className = "mention-list";
  list.id = `${box.id}-people`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "People");
  list.hidden = true;
  box.after(list);
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  let at = 0;

  const close = () => {
    list.hidden = true;
    list.replaceChildren();
    box.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    at = (index + list.children.length) % list.children.length;
    Array.from(list.children).forEach((one, number) => one.setAttribute("aria-selected", String(number === at)));
    box.setAttribute("aria-activedescendant", list.children[at].id);
  };
  const choose = (name) => {
    const word = begun(box);
    const start = box.selectionStart - word.length;
    box.setRangeText(`${name} `, start, box.selectionStart, "end");
    close();
    box.focus();
  };
  const offer = () => {
    const word = begun(box)?.toLowerCase();
    const found = word === undefined ? [] : names.filter((name) =>
      [name, ...name.split(/\s+/)].some((part) => part.toLowerCase().startsWith(word))).slice(0, MOST);
    if (!found.length) return close();
    list.replaceChildren(...found.map((name, number) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${number}`;
      option.setAttribute("role", "option");
      option.textContent = name;
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(name); });
      return option;
    }));
    list.hidden = false;
    mark(0);
  };

  box.addEventListener("input", offer);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(at + step);
    else if (event.key === "Enter" || event.key === "Tab") choose(list.children[at].textContent);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}
