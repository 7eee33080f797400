// The settings' form: hot folders come and go, Ctrl-S saves, what is not saved is not lost by a slip.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  let isDirty = false;

  function mark(dirty) {
    isDirty = dirty;
    const state = byId("settings-state");
    if (dirty && state) state.textContent = "Not saved yet.";
  }

  function add(button) {
    const index = button.dataset.next;
    button.dataset.next = Number(index) + 1;
    htmx.ajax("GET", `/settings/hot_folder?index=${index}`, { target: "#hot-folder-list", swap: "beforeend" })
      .then(() => byId(`hot_folders-${index}-path`)?.focus());
    mark(true);
  }

  document.addEventListener("input", (event) => event.target.closest("#settings-form") && mark(true));
  document.addEventListener("click", (event) => {
    const adder = event.target.closest("#add-hot-folder");
    if (adder) add(adder);
    const remover = event.target.closest("[data-removes]");
    if (remover) {
      byId(remover.dataset.removes).remove();
      mark(true);
      byId("add-hot-folder").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      byId("settings-form").requestSubmit();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "settings") return;
    mark(Boolean(byId("settings-error")));
    byId("settings-error")?.focus();
    if (!byId("settings-error")) scrollTo({ top: 0 });
  });
  addEventListener("beforeunload", (event) => isDirty && event.preventDefault());
})();
