// Single keys: `data-key` names the key that presses a button or follows a link; the rest stands in KEYS.
"use strict";
(() => {
  const PAGES = { 1: "/", 2: "/settings", 3: "/log" };
  const byId = (id) => document.getElementById(id);
  const KEYS = {
    "?": () => byId("help").showModal(),
    t: () => byId("theme").click(),
    "/": () => document.querySelector("[type=search]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
  };

  const areOn = () => localStorage.getItem("shortcuts") !== "off";
  const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable], dialog[open]");

  // The items of a list that has data-steps take the focus one after the other.
  function step(by) {
    const items = [...document.querySelectorAll("[data-steps] > *")];
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const next = items[at < 0 ? 0 : Math.min(Math.max(at + by, 0), items.length - 1)];
    next?.querySelector("a:not([tabindex])")?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  function press(key) {
    const item = document.activeElement?.closest("[data-steps] > *");
    const selector = `[data-key="${CSS.escape(key)}"]`;
    const target = item?.querySelector(selector) ?? [...document.querySelectorAll(selector)].find((each) => !each.closest("[data-steps]"));
    target?.click();
    return Boolean(target);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !areOn() || isTyping(event.target)) return;
    const act = KEYS[event.key] ?? (PAGES[event.key] && (() => location.assign(PAGES[event.key])));
    if (act) act();
    else if (!press(event.key)) return;
    event.preventDefault();
  });
  document.addEventListener("DOMContentLoaded", () => {
    const box = byId("shortcuts-on");
    box.checked = areOn();
    box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
  });
})();
