// Adds what needs a script: the filter, the search, the buttons that copy. All content is on the page without it.
"use strict";
(() => {
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];

  // The filter and the search: what does not fit is hidden, in the list and below it.
  const form = document.getElementById("filter");
  if (form) {
    const rows = all("tr.item[data-for]");
    const search = document.getElementById("search");
    const choices = all("select[data-by]", form);
    const shown = document.getElementById("shown");
    const articles = rows.map((row) => document.getElementById(row.dataset.for).closest("article"));
    const texts = new Map();
    const text = (index) => {
      if (!texts.has(index)) texts.set(index, articles[index].textContent.toLowerCase());
      return texts.get(index);
    };
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, index) => {
        const chosen = choices.every((choice) => !choice.value || row.dataset[choice.dataset.by] === choice.value);
        const fits = chosen && words.every((word) => text(index).includes(word));
        row.hidden = articles[index].hidden = !fits;
        count += fits ? 1 : 0;
      });
      shown.textContent = count === rows.length ? `${count} findings` : `${count} of ${rows.length} findings`;
    };
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 120);
    });
    for (const choice of choices) choice.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    form.hidden = false;
    apply();
  }

  // The buttons that copy. A page from a file may not be given the clipboard; then the text is selected.
  for (const button of all("button.copy")) {
    const source = document.getElementById(button.dataset.copies);
    const label = button.firstChild;
    const say = (word) => {
      label.data = word;
      setTimeout(() => { label.data = "Copy"; }, 2000);
    };
    const select = () => {
      getSelection().selectAllChildren(source);
      say(document.execCommand("copy") ? "Copied" : "Selected");
    };
    button.addEventListener("click", () => {
      const clipboard = navigator.clipboard;
      if (!clipboard) return select();
      clipboard.writeText(source.textContent).then(() => say("Copied"), select);
    });
    button.hidden = false;
  }

  // Not every browser unfolds by itself what a link leads to.
  const unfold = () => {
    const target = document.getElementById(location.hash.slice(1));
    const folded = target && target.closest("details:not([open])");
    if (!folded) return;
    folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Paper cannot be clicked.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
})();
