// Light, dark or the system's theme. Buttons: data-theme-choice="light|dark|system".
import { remember } from "./storage.js";

const root = document.documentElement;

function announce() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === root.dataset.theme));
  }
  document.dispatchEvent(new CustomEvent("signalbox:theme"));
}

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    const choice = button.dataset.themeChoice;
    remember("signalbox-theme", choice === "system" ? null : choice);
    root.dataset.theme = choice;
    announce();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  announce();
}
