// The press that has begun, `press()`: its `target`, null once it is over, and `over`, which resolves then. What is drawn anew under a press
// loses the click, so what follows the daemon waits for it.
"use strict";
(() => {
  let press = { target: null, over: Promise.resolve(), end() {} };

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("select")) return; // their menus may keep the end of a press
    press.end();
    const { promise, resolve } = Promise.withResolvers();
    press = { target: event.target, over: promise, end: resolve };
  }, true);
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => {
      const ended = press;
      setTimeout(() => ((ended.target = null), ended.end())); // once its click has been heard
    });
  }
  window.deshimmer = Object.assign(window.deshimmer ?? {}, { press: () => press });
})();
