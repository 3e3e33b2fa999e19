// Rows of inputs: [data-rows] holds [data-row] elements; data-row-add copies the last one empty, data-row-remove takes its own
// away (the last one is only emptied).

function empty(row) {
  for (const input of row.querySelectorAll("input")) input.value = "";
}

function add(rows) {
  const last = [...rows.querySelectorAll("[data-row]")].at(-1);
  const row = last.cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.removeAttribute("id");
  empty(row);
  last.after(row);
  row.querySelector("input")?.focus();
}

function remove(row) {
  const rows = row.closest("[data-rows]");
  if (rows.querySelectorAll("[data-row]").length > 1) row.remove();
  else empty(row);
  rows.querySelector("input")?.focus();
  rows.dispatchEvent(new Event("input", { bubbles: true }));
}

export function start() {
  document.addEventListener("click", (event) => {
    const adder = event.target.closest("[data-row-add]");
    if (adder) add(adder.closest("[data-rows]"));
    const remover = event.target.closest("[data-row-remove]");
    if (remover) remove(remover.closest("[data-row]"));
  });
}
