// Tables: which columns show (kept per table in localStorage) and "select all".
// <table data-table="clusters"> with <th data-column="status">; the menu [data-column-menu="clusters"] is filled here.
// Rows: <input data-select-row>; the head: <input data-select-all>; [data-selected-count] shows the number and
// [data-needs-selection] is disabled while it is zero.
// data-refresh="id of a part" on a link; data-csv on the link of a download.
import { recall, remember } from "./storage.js";

const key = (name) => `signalbox-columns-${name}`;

function hidden(name) {
  return new Set((recall(key(name)) ?? "").split(",").filter(Boolean));
}

function applyColumns(table) {
  const away = hidden(table.dataset.table);
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, index) => {
    const gone = away.has(head.dataset.column ?? "");
    head.hidden = gone;
    for (const row of table.tBodies[0]?.rows ?? []) {
      if (row.cells.length === heads.length) row.cells[index].hidden = gone;
    }
  });
}

function fillMenu(menu) {
  const name = menu.dataset.columnMenu;
  const table = document.querySelector(`table[data-table="${CSS.escape(name)}"]`);
  if (!table) return;
  const away = hidden(name);
  menu.replaceChildren(
    ...[...table.querySelectorAll("th[data-column]")].map((head) => {
      const label = document.createElement("label");
      label.className = "menu-item";
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = !away.has(head.dataset.column);
      box.dataset.columnChoice = head.dataset.column;
      label.append(box, head.textContent.trim());
      return label;
    }),
  );
}

function chooseColumn(box) {
  const name = box.closest("[data-column-menu]").dataset.columnMenu;
  const away = hidden(name);
  if (box.checked) away.delete(box.dataset.columnChoice);
  else away.add(box.dataset.columnChoice);
  remember(key(name), [...away].join(","));
  document.querySelectorAll(`table[data-table="${CSS.escape(name)}"]`).forEach(applyColumns);
}

function showSelection(scope) {
  const rows = [...scope.querySelectorAll("[data-select-row]")];
  const chosen = rows.filter((row) => row.checked).length;
  const all = scope.querySelector("[data-select-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === rows.length;
    all.indeterminate = chosen > 0 && chosen < rows.length;
  }
  for (const output of scope.querySelectorAll("[data-selected-count]")) {
    output.textContent = chosen ? output.dataset.selectedCount.replace("%s", String(chosen)) : "";
  }
  for (const button of scope.querySelectorAll("[data-needs-selection]")) button.disabled = chosen === 0;
}

function onChange(event) {
  const box = event.target;
  if (box.matches("[data-column-choice]")) return chooseColumn(box);
  if (!box.matches("[data-select-all], [data-select-row]")) return;
  const scope = box.closest("[data-selection]") ?? box.closest("table");
  if (box.matches("[data-select-all]")) {
    for (const row of scope.querySelectorAll("[data-select-row]")) row.checked = box.checked;
  }
  showSelection(scope);
}

/** Refresh asks the part to fetch itself; a download takes the search and filters of the address as they are now. */
function onClick(event) {
  const refresher = event.target.closest("[data-refresh]");
  const part = refresher && document.getElementById(refresher.dataset.refresh);
  if (part?.hasAttribute("hx-get")) {
    event.preventDefault();
    window.htmx.trigger(part, "refresh");
  }
  const download = event.target.closest("a[data-csv]");
  if (!download) return;
  const query = new URLSearchParams(location.search);
  query.delete("page");
  query.set("format", "csv");
  download.search = query;
}

function refresh() {
  document.querySelectorAll("table[data-table]").forEach(applyColumns);
  document.querySelectorAll("[data-column-menu]").forEach(fillMenu);
  document.querySelectorAll("[data-selection]").forEach(showSelection);
}

export function start() {
  document.addEventListener("change", onChange);
  document.addEventListener("click", onClick);
  document.body.addEventListener("htmx:afterSettle", refresh);
  refresh();
}
