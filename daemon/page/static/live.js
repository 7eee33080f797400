// Parts that follow the daemon: `data-live` names the events after which an element refreshes (`hx-trigger="refresh"`),
// `data-every` the seconds after which it does so while somebody looks.
//
// The first event refreshes at once, all that come within SPACING_MS together once more. A part in which a menu stands open
// keeps still until the menu closes, and all do under a press until it is over: what is drawn anew, or moved, loses the click.
"use strict";
(() => {
  const SPACING_MS = 100;
  const resting = new Map(); // element -> whether it is to refresh once more

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
    const press = window.deshimmer.press();
    const { target, requestConfig } = event.detail;
    const menu = target.querySelector("details.menu[open]");
    if (!(menu || press.isOn) || requestConfig.triggeringEvent?.type !== "refresh") return;
    event.detail.shouldSwap = false;
    const again = () => refresh(requestConfig.elt);
    if (menu) menu.addEventListener("toggle", again, { once: true });
    else press.over.then(again);
  });
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
