// Copy buttons: data-copy="the text", or data-copy-from="id of the element whose text is meant".
import { toast } from "./toast.js";

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http from another host has no clipboard object; the old command still works there.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser refused to copy");
}

export function start() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copyFrom ?? "");
    const texts = document.querySelector("[data-toasts]")?.dataset ?? {};
    try {
      await write(button.dataset.copy ?? source?.textContent ?? "");
      button.classList.add("copy-done");
      setTimeout(() => button.classList.remove("copy-done"), 1500);
      toast(texts.textCopied, "ok");
    } catch {
      toast(texts.textNotCopied, "bad");
    }
  });
}
