// Menus are native popovers (popovertarget opens, Escape and a click outside close, without any script).
// This places them under their button and moves the focus with the arrow keys.

const GAP_PX = 6;

function opener(menu) {
  return document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
}

function place(menu) {
  const button = opener(menu)?.getBoundingClientRect();
  if (!button) return;
  const size = menu.getBoundingClientRect();
  const below = button.bottom + GAP_PX;
  const fits = below + size.height <= innerHeight;
  const right = document.documentElement.clientWidth - GAP_PX;
  menu.style.position = "fixed";
  menu.style.inset = "auto";
  menu.style.top = `${fits ? below : Math.max(GAP_PX, button.top - GAP_PX - size.height)}px`;
  const wanted = button.left + size.width > right ? button.right - size.width : button.left;
  menu.style.left = `${Math.max(GAP_PX, wanted)}px`;
}

function items(menu) {
  return [...menu.querySelectorAll("a[href], button:not(:disabled), input:not(:disabled)")];
}

function onKey(event) {
  const menu = event.target.closest("[data-menu]");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const all = items(menu);
  const at = all.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  all[(next + all.length) % all.length]?.focus();
}

export function start() {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.matches("[data-menu]")) return;
      const isOpen = event.newState === "open";
      opener(menu)?.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) {
        place(menu);
        items(menu)[0]?.focus({ focusVisible: false });
      }
    },
    true,
  );
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const item = event.target.closest("[data-menu] .menu-item");
    if (item && !item.matches("label")) item.closest("[data-menu]").hidePopover();
  });
  addEventListener("scroll", () => document.querySelectorAll("[data-menu]:popover-open").forEach(place), true);
}
