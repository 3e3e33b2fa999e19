// Sets the chosen theme before the first paint: a classic script in <head>, because modules run too late.
(function () {
  try {
    var chosen = localStorage.getItem("signalbox-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is switched off: the system's theme stays.
  }
})();
