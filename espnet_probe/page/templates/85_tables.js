// A button at every table that saves it.

// The links to files beside a name are no part of it.
function cellText(cell) {
  const copy = cell.cloneNode(true);
  for (const link of copy.querySelectorAll(".source")) link.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
}

function tableRows(table) {
  return [...table.rows].map((row) => [...row.cells].map(cellText));
}

function addTableButtons() {
  for (const table of document.querySelectorAll("table[data-title]")) {
    const { title, file } = table.dataset;
    const block = table.closest(".table-block");
    const before = block.querySelector("summary");
    const save = () => saveCsv(tableRows(table), `${fileName(file)}.csv`);
    before.after(el("p", { class: "saves" }, "Save ", el("button", { type: "button", "aria-label": `Save ${title} as CSV`, onclick: save }, "CSV")));
  }
}

// A link to a table opens it.
function openLinked() {
  const id = location.hash.slice(1);
  const found = id && !id.includes("=") ? document.getElementById(id) : null;
  if (found && found.tagName === "DETAILS") found.open = true;
}
