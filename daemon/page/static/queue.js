// The queue as it moves: progress goes straight into the running clip's card, and a clip that has just ended stands out.
"use strict";
(() => {
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
  const FRESH_MS = 4000;
  const title = document.title;
  const fresh = new Set();
  const at = (name, id) => document.querySelector(`[data-${name}="${CSS.escape(id)}"]`);

  function left(seconds) {
    if (seconds === null) return "";
    const unit = UNITS.find(([, length]) => seconds >= length);
    return unit ? `about ${Math.round(seconds / unit[1])} ${unit[0]} left` : `${Math.max(1, Math.round(seconds))} s left`;
  }

  // Where no job like it has ended yet there is no part of the whole: then the stage's own progress is shown, and said to be that.
  function move({ id, stage, progress, part, eta_s }) {
    const bar = at("part", id);
    if (!bar) return;
    const percent = `${Math.round(100 * (part ?? progress))}%`;
    bar.value = part ?? progress;
    at("percent", id).textContent = percent;
    at("eta", id).textContent = part === null ? "of this stage" : left(eta_s);
    for (const step of at("track", id).children) {
      if (step.dataset.stages.split(" ").includes(stage)) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    document.title = `${percent} · ${title}`;
  }

  function end({ job }) {
    document.title = title;
    fresh.add(`job-${job.id}`);
    setTimeout(() => fresh.delete(`job-${job.id}`), FRESH_MS);
    window.deshimmer.toast(`${job.path.split(/[/\\]/).pop()}: ${job.outcome}`);
  }

  function highlight() {
    for (const id of fresh) document.getElementById(id)?.classList.add("fresh");
  }

  document.addEventListener("DOMContentLoaded", () => {
    const { stream } = window.deshimmer;
    stream.addEventListener("progress", (event) => move(JSON.parse(event.data)));
    stream.addEventListener("finished", (event) => end(JSON.parse(event.data)));
  });
  document.addEventListener("htmx:afterSwap", highlight);
})();
