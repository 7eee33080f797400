// Tells the daemon that somebody looks at this page, so that it does not notify of what is seen here.
"use strict";
(() => {
  const EVERY_MS = 10_000;
  const windowId = crypto.randomUUID();
  let told = false;

  function tell() {
    const inFront = document.visibilityState === "visible" && document.hasFocus();
    if (!inFront && !told) return;
    told = inFront;
    const body = JSON.stringify({ in_front: inFront, page: windowId });
    fetch("/api/v1/presence", { method: "POST", headers: window.deshimmer.headers(), body, keepalive: true }).catch(() => {});
  }

  for (const name of ["focus", "blur", "pagehide"]) addEventListener(name, tell);
  document.addEventListener("visibilitychange", tell);
  setInterval(tell, EVERY_MS);
  tell();
})();
