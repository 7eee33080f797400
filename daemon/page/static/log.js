// The log: lines by level and word, and the end kept in sight while "Follow" is on.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const MOST_LINES = 5000;
  const SHOWN = { info: null, warning: ["warning", "error", "critical"], error: ["error", "critical"] };
  const [box, list, text, level, follow, empty] = ["log", "log-lines", "log-text", "log-level", "log-follow", "log-empty"].map((id) => document.getElementById(id));

  // A line that goes on from the one before is shown with it.
  function sift() {
    const word = text.value.trim().toLowerCase();
    let shows = true;
    let any = false;
    for (const line of list.children) {
      if (!line.classList.contains("more")) {
        const fits = !SHOWN[level.value] || SHOWN[level.value].includes(line.className);
        shows = fits && line.textContent.toLowerCase().includes(word);
      }
      line.hidden = !shows;
      any ||= shows;
    }
    empty.hidden = any;
  }

  function toEnd() {
    if (follow.checked) box.scrollTop = box.scrollHeight;
  }

  function update() {
    while (list.children.length > MOST_LINES) list.firstElementChild.remove();
    sift();
    toEnd();
  }

  for (const each of [text, level]) each.addEventListener("input", update);
  follow.addEventListener("change", toEnd);
  box.addEventListener("wheel", () => {
    follow.checked = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
  }, { passive: true });
  document.addEventListener("htmx:afterSettle", update);
  update();
});
