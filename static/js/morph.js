// What a part that reloads itself (hx-swap="morph") must leave alone, because it is the reader's, not the server's:
// ticked rows, hidden columns, the place of an open menu.

const KEPT = {
  checked: "[data-select-row], [data-select-all]",
  hidden: "table[data-table] :is(th, td)",
  style: "[data-menu]",
};

export function start() {
  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(KEPT[name] && node.matches(KEPT[name]));
}
