// No click goes nowhere. Loaded before the page is drawn: until the other scripts have run too, its buttons take none.
//
// `press()` is the last press: whether it `isOn`, and `over`, which resolves when it is not. What is drawn anew or moved under a press loses
// the click, so what follows the daemon waits for it.
"use strict";
(() => {
  const { classList } = document.documentElement;
  classList.add("waking");
  document.addEventListener("DOMContentLoaded", () => classList.remove("waking"));

  let press = { isOn: false, over: Promise.resolve(), end() {} };

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("select")) return; // their menus may keep the end of a press
    press.end();
    const { promise, resolve } = Promise.withResolvers();
    press = { isOn: true, over: promise, end: resolve };
  }, true);
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => {
      const ended = press;
      setTimeout(() => ((ended.isOn = false), ended.end())); // once its click has been heard
    });
  }
  window.deshimmer = Object.assign(window.deshimmer ?? {}, { press: () => press });
})();
