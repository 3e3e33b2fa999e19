// <dialog>: data-dialog-open="id" opens it, data-dialog-close closes it. A part fetched into [data-dialog-slot]
// that holds a dialog opens by itself; the server closes it with the header HX-Trigger: dialog-close.
// Destructive forms ask twice: data-confirm on the form, data-confirm-next on the first button,
// data-confirm-second around the second question, data-confirm-phrase="…" on an input that must be typed,
// data-confirm-submit on the last button.

/** A dialog that is a page of its own leaves nothing behind: its "cancel" says where to go. */
function leave(dialog) {
  const back = dialog.querySelector("a[data-dialog-close]");
  if (back) location.assign(back.href);
}

function open(dialog) {
  if (!dialog || dialog.matches(":modal")) return;
  dialog.removeAttribute("open"); // The page without scripts shows it in place.
  dialog.showModal();
  prepare(dialog);
  dialog.querySelector(".field-input[aria-invalid], .field-input:not([type=hidden], [readonly])")?.focus();
}

function prepare(dialog) {
  for (const form of dialog.querySelectorAll("form[data-confirm]")) {
    const asked = form.querySelector("[data-confirm-next]") !== null;
    form.querySelector("[data-confirm-second]")?.toggleAttribute("hidden", asked);
    form.querySelector("[data-confirm-next]")?.removeAttribute("hidden");
    form.querySelector("[data-confirm-submit]")?.toggleAttribute("hidden", asked);
    checkPhrase(form);
  }
}

function checkPhrase(form) {
  const input = form.querySelector("[data-confirm-phrase]");
  const submit = form.querySelector("[data-confirm-submit]");
  if (input && submit) submit.disabled = input.value.trim() !== input.dataset.confirmPhrase;
}

function askAgain(button) {
  const form = button.form ?? button.closest("form");
  button.hidden = true;
  const second = form.querySelector("[data-confirm-second]");
  const submit = form.querySelector("[data-confirm-submit]");
  second?.removeAttribute("hidden");
  submit?.removeAttribute("hidden");
  (second?.querySelector("input") ?? submit)?.focus();
}

function onClick(event) {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) {
    event.preventDefault();
    open(document.getElementById(opener.dataset.dialogOpen));
    return;
  }
  const closer = event.target.closest("[data-dialog-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog")?.close();
    return;
  }
  const next = event.target.closest("[data-confirm-next]");
  if (next) {
    event.preventDefault();
    askAgain(next);
  }
}

export function start() {
  document.addEventListener("click", onClick);
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-confirm-phrase]")) checkPhrase(event.target.form);
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const dialog of document.querySelectorAll("[data-dialog-slot] dialog, dialog[data-dialog-start]")) open(dialog);
  });
  document.body.addEventListener("dialog-close", () => {
    for (const dialog of document.querySelectorAll("dialog:modal")) dialog.close();
  });
  // A closed dialog that came over the wire goes, so that the next swap does not open it again.
  document.addEventListener(
    "close",
    (event) => {
      const dialog = event.target;
      if (dialog.closest("[data-dialog-slot]")) dialog.remove();
      else if (dialog.hasAttribute("data-dialog-start")) leave(dialog);
    },
    true,
  );
  for (const dialog of document.querySelectorAll("dialog[data-dialog-start]")) open(dialog);
}
