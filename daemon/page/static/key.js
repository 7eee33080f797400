// The second half of the session: every change carries it. Cookies do not tell ports apart, what the browser stores for a page does:
// so another program's page on this machine, which gets the cookie, cannot change anything with it.
"use strict";
(() => {
  const NAME = "X-Deshimmer-Key";
  const key = () => localStorage.getItem("key") ?? "";

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") detail.headers[NAME] = key();
  });
  document.addEventListener("htmx:responseError", ({ detail }) => {
    if (detail.xhr.status === 401) document.dispatchEvent(new CustomEvent("connection", { detail: "locked" }));
  });

  window.deshimmer = Object.assign(window.deshimmer ?? {}, {
    hasKey: () => key() !== "",
    // Of a change whose body is JSON.
    headers: () => ({ "Content-Type": "application/json", [NAME]: key() }),
  });
})();
