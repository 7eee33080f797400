// What every page does: buttons that ask the API, toasts, menus, dialogs, the banner of a lost daemon, times that age.
"use strict";
(() => {
  const TOAST_MS = 6000;
  const AGE_EVERY_MS = 30_000;
  const byId = (id) => document.getElementById(id);

  // POST body as JSON. Returns the answer's object; shows its error and returns null.
  async function ask(url, body = {}, method = "POST") {
    try {
      const answer = await fetch(url, { method, headers: window.deshimmer.headers(), body: JSON.stringify(body) });
      const record = await answer.json();
      if (answer.ok) return record;
      toast(record.error?.title ?? "It did not work", record.error);
    } catch {
      toast("The daemon does not answer", { message: "Start it with 'deshimmer run', or wait until it is back." });
    }
    return null;
  }

  function toast(title, error = null) {
    const box = document.createElement("div");
    box.className = error ? "toast bad" : "toast";
    for (const [tag, text] of [["strong", title], ["p", error?.message], ["code", error?.path]]) {
      if (text) box.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    byId("toasts").append(box);
    setTimeout(() => box.remove(), error ? 2 * TOAST_MS : TOAST_MS);
  }

  async function press(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.confirm && !(await confirmed(byId(button.dataset.confirm)))) return;
    button.setAttribute("aria-disabled", "true");
    const record = await ask(button.dataset.post, JSON.parse(button.dataset.body ?? "{}"));
    button.removeAttribute("aria-disabled");
    if (record) {
      if (button.dataset.done) toast(button.dataset.done);
      if (button.dataset.follows !== undefined && record.job) location.href = `/jobs/${record.job.id}`;
      if (button.dataset.refreshes) htmx.trigger(button.dataset.refreshes, "refresh");
    }
    closeMenus();
  }

  function confirmed(dialog) {
    return new Promise((resolve) => {
      dialog.returnValue = "";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
    });
  }

  function closeMenus(except = null) {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  }

  function age() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
      const unit = [["d", 86400], ["h", 3600], ["min", 60]].find(([, length]) => seconds >= length);
      time.textContent = unit ? `${Math.round(seconds / unit[1])} ${unit[0]} ago` : "just now";
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-post]");
    if (button) press(button);
    const opener = event.target.closest("[data-opens]");
    if (opener) byId(opener.dataset.opens).showModal();
    if (event.target.matches("dialog")) event.target.close();
    closeMenus(event.target.closest("details.menu"));
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("connection", ({ detail }) => {
    document.documentElement.dataset.connection = detail;
    const lost = byId("lost");
    lost.hidden = detail === "live";
    for (const words of lost.querySelectorAll("[data-when]")) words.hidden = words.dataset.when !== detail;
  });
  setInterval(age, AGE_EVERY_MS);

  window.deshimmer = Object.assign(window.deshimmer ?? {}, { ask, toast });
})();
