// Colours as the system has them, dark or light. Loaded before the page is drawn, so that it never flashes.
"use strict";
(() => {
  const WORDS = { system: "as the system", dark: "dark", light: "light" };
  const root = document.documentElement;

  function show(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.setAttribute("aria-label", `Colours: ${WORDS[theme]}`);
  }

  function toggle() {
    const themes = Object.keys(WORDS);
    const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
    localStorage.setItem("theme", next);
    show(next);
    window.deshimmer.toast(`Colours: ${WORDS[next]}`);
  }

  show(localStorage.getItem("theme") in WORDS ? localStorage.getItem("theme") : "system");
  document.addEventListener("DOMContentLoaded", () => {
    show(root.dataset.theme);
    document.addEventListener("click", (event) => event.target.closest("[data-theme-toggle]") && toggle());
  });
})();
