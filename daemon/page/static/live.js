// Parts that follow the daemon: `data-live` names the events after which an element refreshes (`hx-trigger="refresh"`),
// `data-every` the seconds after which it does so while somebody looks.
//
// The first event refreshes at once, all that come within SPACING_MS together once more. A part in which a menu stands open
// keeps still until the menu closes, and one under a press that has begun until it is over: its click would go nowhere.
"use strict";
(() => {
  const SPACING_MS = 100;
  const resting = new Map(); // element -> whether it is to refresh once more
  let press = { target: null, over: Promise.resolve(), end() {} };

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return; // a context menu keeps the end of its press
    press.end();
    const { promise, resolve } = Promise.withResolvers();
    press = { target: event.target, over: promise, end: resolve };
  }, true);
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => setTimeout(() => ((press.target = null), press.end()))); // once its click has been heard
  }

  function refresh(element) {
    if (resting.has(element)) {
      resting.set(element, true);
      return;
    }
    resting.set(element, false);
    htmx.trigger(element, "refresh");
    setTimeout(() => {
      const again = resting.get(element);
      resting.delete(element);
      if (again && element.isConnected) refresh(element);
    }, SPACING_MS);
  }

  function follow(name) {
    for (const element of document.querySelectorAll("[data-live]")) {
      if (name === "reset" || element.dataset.live.split(" ").includes(name)) refresh(element);
    }
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    const menu = target.querySelector("details.menu[open]");
    if (!(menu || target.contains(press.target)) || requestConfig.triggeringEvent?.type !== "refresh") return;
    event.detail.shouldSwap = false;
    const again = () => refresh(requestConfig.elt);
    if (menu) menu.addEventListener("toggle", again, { once: true });
    else press.over.then(again);
  });
  window.deshimmer = Object.assign(window.deshimmer ?? {}, { released: () => press.over });
  document.addEventListener("DOMContentLoaded", () => {
    for (const name of Stream.NAMES) window.deshimmer.stream.addEventListener(name, () => follow(name));
    let second = 0;
    setInterval(() => {
      second += 1;
      if (document.hidden) return;
      for (const element of document.querySelectorAll("[data-every]")) if (second % element.dataset.every === 0) refresh(element);
    }, 1000);
  });
})();
