// The page of one job: player, curves, heat map and actions; it turns into the finished page by itself.

import { Curves } from "/static/job_curves.js";
import { paintDifference } from "/static/job_difference.js";
import { paintHeat, strongestBand } from "/static/job_heat.js";
import { Player } from "/static/player.js";

const BANDS = { all: "All", global_luma: "Whole-frame brightness", low_luma: "Brightness patches", low_chroma: "Colour patches", detail: "Fine detail" };
const STAGES = {
  probe: "Reading", diagnose: "Diagnosing", route: "Choosing", try: "Trying", excerpt: "Cutting out", process: "Repairing", verify: "Verifying", deliver: "Delivering",
};
const WIPE_STEP = 5;
const $ = (id) => document.getElementById(id);
const id = () => $("job").dataset.id;
const api = (path) => `/api/v1/jobs/${id()}${path}`;

let page = null; // what is open now: {player, curves, traces, away}

/** The lines of the daemon's answer as they come; the last one has the media. */
async function prepared(onProgress) {
  const answer = await fetch(api("/player"), { method: "POST", headers: window.deshimmer.headers(), body: "{}" });
  if (!answer.ok) throw (await answer.json()).error;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw { title: "The daemon went away", message: "Load the page again." };
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean).map((text) => JSON.parse(text))) {
      if (line.error) throw line.error;
      if (line.media) return line.media;
      onProgress(line.progress);
    }
  }
}

function preparing(words, part = null) {
  $("preparing").hidden = words === null;
  if (words !== null) $("preparing-words").textContent = words;
  $("preparing-bar").hidden = part === null;
  if (part !== null) $("preparing-bar").value = part;
}

async function openPlayer(signal) {
  const media = await prepared((part) => preparing(`Making a copy that the browser can play: ${Math.round(100 * part)} %`, part));
  preparing("Opening …");
  const player = new Player({ original: $("original"), result: $("result") }, { original: $("hold-original"), result: $("hold-result") }, media);
  signal.addEventListener("abort", () => player.dispose());
  await player.open(media);
  $("proxy-note").hidden = !Object.values(media).some((each) => each.proxy);
  const shown = player.sides[0].video;
  $("stage-box").style.setProperty("--ratio", shown.videoWidth / shown.videoHeight);
  $("screen").classList.add("ready");
  preparing(null);
  return player;
}

function wireWipe(signal) {
  const [stage, wipe] = [$("stage-box"), $("wipe")];
  if (!wipe) return;
  let place = 50;
  const move = (percent) => {
    place = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--wipe", `${place}%`);
    wipe.setAttribute("aria-valuenow", Math.round(place));
    wipe.setAttribute("aria-valuetext", `${Math.round(place)} percent original`);
  };
  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    move((100 * (event.clientX - box.left)) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    wipe.focus({ preventScroll: true });
    drag(event);
  }, { signal });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && drag(event), { signal });
  wipe.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 1 : WIPE_STEP;
    const to = { ArrowLeft: place - step, ArrowDown: place - step, ArrowRight: place + step, ArrowUp: place + step, Home: 0, End: 100 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(to);
  }, { signal });
  move(50);
}

const isPressed = (button) => button?.getAttribute("aria-pressed") === "true";
const press = (button, on) => button.setAttribute("aria-pressed", on);

function wirePlayer(player, traces, signal) {
  const on = (name, act) => $(name)?.addEventListener("click", act, { signal });
  const frame = () => {
    $("seek").value = player.index;
    $("seek").setAttribute("aria-valuetext", `frame ${player.index} of ${player.frames}`);
    $("clock").textContent = `${player.timeOf(player.index).toFixed(2)} s · frame ${player.index}`;
    page?.curves?.mark(player.index);
    if (isPressed($("diff")) && player.inStep) paintDifference($("difference"), $("original"), $("result"));
  };
  const state = () => {
    $("play").classList.toggle("playing", player.playing);
    $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
    press($("quarter"), player.speed < 1);
    press($("worst"), player.loopsWorst);
    press($("repeat"), player.repeats);
  };
  player.addEventListener("frame", frame, { signal });
  player.addEventListener("state", state, { signal });
  Object.assign($("seek"), { max: player.frames - 1, disabled: false });
  $("seek").addEventListener("input", () => player.seek(Number($("seek").value)), { signal });
  // a click leaves the focus where it was, so that space goes on to play and pause
  document.querySelector(".controls").addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault(), { signal });
  on("back", () => player.step(-1));
  on("forward", () => player.step(1));
  on("play", () => player.toggle());
  on("quarter", () => player.setSpeed(player.speed < 1 ? 1 : 0.25));
  on("repeat", () => player.setRepeats(!player.repeats));
  on("worst", () => player.setLoopsWorst(!player.loopsWorst));
  on("diff", () => {
    press($("diff"), !isPressed($("diff")));
    $("difference").hidden = !isPressed($("diff"));
    frame();
  });
  on("actual", () => {
    press($("actual"), !isPressed($("actual")));
    $("screen").classList.toggle("actual", isPressed($("actual")));
    $("screen").style.setProperty("--actual", `${player.sides[0].video.videoWidth / devicePixelRatio}px`);
  });
  on("full", () => (document.fullscreenElement ? document.exitFullscreen() : $("player").requestFullscreen()));
  player.worst = traces.worst && traces.worst[1] < player.frames ? traces.worst : null;
  $("worst").hidden = !player.worst;
  frame();
  state();
}

function wireHeat(maps, signal) {
  const bands = Object.keys(maps);
  if (!bands.length) return;
  const select = $("heat-band");
  select.replaceChildren(...bands.map((band) => new Option(BANDS[band], band)));
  select.value = strongestBand(maps);
  $("heat").hidden = false;
  const canvases = { before: $("heat-before"), after: $("heat-after") };
  const show = () => {
    const on = isPressed($("heat"));
    const full = on ? paintHeat(canvases, maps, select.value) : 0;
    if (!on) Object.values(canvases).forEach((canvas) => (canvas.hidden = true));
    else if (!$("result")) canvases.after.hidden = true;
    $("stage-box").classList.toggle("hot", on);
    select.hidden = $("heat-scale").hidden = !on;
    $("heat-scale").textContent = `0 – ${full.toFixed(1)} levels`;
  };
  $("heat").addEventListener("click", () => (press($("heat"), !isPressed($("heat"))), show()), { signal });
  select.addEventListener("change", show, { signal });
}

function openCurves(player, traces, signal) {
  if (!traces.points) return null;
  const length_s = player?.length_s ?? traces.seconds;
  const timeOf = (frame) => (player ? player.timeOf(Math.min(frame, player.frames - 1)) : (frame / traces.frames) * traces.seconds);
  $("curves-card").hidden = false;
  const onSeek = (frame) => (player ? player.seek(frame) : curves.mark(frame));
  const onStep = (frames) => (player ? player.step(frames) : curves.mark(Math.min(traces.frames - 1, Math.max(0, curves.index + frames))));
  const curves = new Curves($("curves"), traces, { timeOf, length_s, onSeek, onStep });
  signal.addEventListener("abort", () => curves.dispose());
  const hint = (band) => {
    $("curves-hint").textContent = band === "all"
      ? "All bands together; 1 is about where flicker begins to show. Click, or use the arrow keys, to see that moment."
      : "How far each frame departs from the one before it, motion taken away, in 8-bit levels of 255.";
  };
  const buttons = ["all", ...Object.keys(traces.curves)].map((band) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: BANDS[band] });
    button.dataset.band = band;
    press(button, band === "all");
    button.addEventListener("click", () => {
      buttons.forEach((each) => press(each, each === button));
      curves.show(band);
      hint(band);
    });
    return button;
  });
  $("bands").replaceChildren(...buttons);
  hint("all");
  tellMarks(traces);
  curves.mark(player?.index ?? 0);
  return curves;
}

function tellMarks(traces) {
  const marks = [
    traces.worst && ["worst-mark", "worst second"],
    traces.cuts.length && ["cut-mark", traces.cuts.length === 1 ? "cut" : "cuts"],
    traces.causes.length && ["cause-mark", [...new Set(traces.causes.map((cause) => cause.name.toLowerCase()))].join(", ")],
  ].filter(Boolean);
  $("marks").replaceChildren(...marks.map(([kind, words]) => {
    const mark = document.createElement("span");
    const swatch = document.createElement("i");
    swatch.className = kind;
    mark.append(swatch, words);
    return mark;
  }));
}

const KEYS = { " ": "play", ArrowLeft: "back", ArrowRight: "forward" };

/** The keys that other elements use too; the rest stands at the buttons, as data-key. */
function wireKeys(signal) {
  const taken = { " ": "button, a, summary", ArrowLeft: ".scrolls, pre", ArrowRight: ".scrolls, pre" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
    const button = $(KEYS[event.key]);
    if (!button || event.target.closest(taken[event.key])) return;
    event.preventDefault();
    button.click();
  }, { signal });
}

function wireActions(signal) {
  const { ask, toast } = window.deshimmer;
  const act = async (name, body) => {
    const answer = await ask(api(`/${name}`), body);
    if (!answer) return;
    if (name === "retry") location.href = `/jobs/${answer.job.id}`;
    if (name === "cancel") toast("It is being cancelled.");
  };
  for (const each of document.querySelectorAll("[data-act]")) {
    if (each.tagName === "FORM") {
      each.addEventListener("submit", (event) => {
        event.preventDefault();
        act(each.dataset.act, { route: new FormData(each).get("route") });
      }, { signal });
    } else each.addEventListener("click", () => act(each.dataset.act), { signal });
  }
  for (const each of document.querySelectorAll("[data-seek]")) each.addEventListener("click", () => page?.player?.seek(Number(each.dataset.seek)), { signal });
}

async function open() {
  const away = new AbortController();
  const { signal } = away;
  const opened = (page = { player: null, curves: null, traces: null, away });
  wireActions(signal);
  wireKeys(signal);
  opened.traces = await fetch(api("/traces")).then((answer) => answer.json());
  if (signal.aborted) return;
  if ($("player")) {
    try {
      wireWipe(signal);
      const player = await openPlayer(signal);
      if (signal.aborted) return;
      opened.player = player;
      wirePlayer(player, opened.traces, signal);
      wireHeat(opened.traces.maps, signal);
    } catch (error) {
      if (signal.aborted) return;
      $("screen").classList.add("broken");
      preparing(`${error.title ?? "It cannot be shown here"}. ${error.message ?? error}`);
    }
  }
  opened.curves = openCurves(opened.player, opened.traces, signal);
  $("job").dataset.open = "true";
}

let renewals = 0;

/** Take the page as it is now on the daemon's side, but no button from under a press that has begun. Only what was asked for last is
 * taken, even where it came first.
 */
async function renew() {
  const mine = ++renewals;
  const text = await fetch(location.href).then((answer) => answer.text());
  await window.deshimmer.press().over;
  if (mine !== renewals) return;
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("job");
  if (!fresh) return;
  page?.away.abort();
  $("job").replaceWith(fresh);
  open();
}

function progressed({ stage, progress, eta_s }) {
  if (stage) $("stage").textContent = STAGES[stage] ?? stage;
  if (progress == null) $("progress").removeAttribute("value");
  else $("progress").value = progress;
  if (eta_s != null) $("eta").textContent = `About ${Math.max(1, Math.round(eta_s))} s left.`;
}

function follow() {
  const { stream } = window.deshimmer;
  if (!stream) return;
  const on = (name, act) => stream.addEventListener(name, (event) => {
    const data = JSON.parse(event.data);
    if ($("running") && (data.id ?? data.job?.id) === id()) act(data);
  });
  on("progress", progressed);
  on("job", (row) => (row.state === $("job").dataset.state ? progressed(row) : renew()));
  on("finished", renew);
  // its offer was decided or made anew, or its result was taken away
  stream.addEventListener("amended", (event) => JSON.parse(event.data).job.id === id() && renew());
  stream.addEventListener("reset", renew);
}

document.addEventListener("DOMContentLoaded", () => (open(), follow()));
window.deshimmer = Object.assign(window.deshimmer ?? {}, { job: () => page });
