// Short notices in the corner. From the server: the header HX-Trigger: {"toast": {"level": "ok", "text": "…"}},
// level ok | info | warn | bad. The list [data-toasts] is in base.html; its data-text-* are the texts of failures.

const SHOWN_MS = 6000;

function list() {
  return document.querySelector("[data-toasts]");
}

/** Raise the list above an open dialog: the last popover shown lies on top. */
function raise(area) {
  if (!area.hasAttribute("popover")) area.setAttribute("popover", "manual");
  if (area.matches(":popover-open")) area.hidePopover();
  area.showPopover();
}

/** Show a text for a few seconds, longer while the pointer rests on it. Text only, never markup. */
export function toast(text, level = "info") {
  const area = list();
  if (!area || !text) return;
  const item = document.createElement("div");
  item.className = `toast toast-${level}`;
  item.textContent = text;
  item.setAttribute("role", level === "bad" ? "alert" : "status");
  area.append(item);
  raise(area);
  leaveLater(item);
}

function leaveLater(item) {
  let timer = setTimeout(() => item.remove(), SHOWN_MS);
  item.addEventListener("mouseenter", () => clearTimeout(timer));
  item.addEventListener("mouseleave", () => {
    timer = setTimeout(() => item.remove(), SHOWN_MS);
  });
}

export function start() {
  const texts = list()?.dataset ?? {};
  document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.level));
  document.body.addEventListener("htmx:sendError", () => toast(texts.textUnreachable, "bad"));
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.getResponseHeader("HX-Trigger")) return; // The refusal brought its own notice.
    const status = event.detail.xhr.status;
    toast(status === 403 ? texts.textForbidden : `${texts.textRefused} (${status})`, "bad");
  });
  for (const item of list()?.querySelectorAll(".toast") ?? []) leaveLater(item);
}
