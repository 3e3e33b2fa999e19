// "/" puts the cursor into the page's search box; Escape leaves it. data-search marks the inputs, first one wins.

function isTyping(target) {
  return target.isContentEditable || target.matches("input, textarea, select");
}

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.matches("[data-search]")) event.target.blur();
    if (event.key !== "/" || isTyping(event.target) || document.querySelector("dialog:modal")) return;
    const box = document.querySelector("[data-search]");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}
