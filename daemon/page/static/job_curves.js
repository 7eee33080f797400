// Flicker over time, before and after: a click or the arrow keys seek the player; cuts, causes and the worst second are marked.

const SHOWS_LEVELS = { global_luma: 1, low_luma: 1, low_chroma: 1, detail: 4 }; // as in processors/reports/pictures.py
const HEIGHT = 220;
const FLOOR = 1; // no scale ends below: a still clip's noise would fill the chart

/** A colour of the style sheet as a canvas takes it, `opacity` 0 to 1. */
function colour(name, opacity = 1) {
  const probe = document.createElement("i");
  probe.style.color = `color-mix(in srgb, var(${name}) ${100 * opacity}%, transparent)`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** All bands together, each in units of what begins to show. */
function together(curves, side) {
  const bands = Object.entries(curves).filter(([, pair]) => pair[side]);
  if (!bands.length) return null;
  return bands[0][1][side].map((_, index) => bands.reduce((sum, [band, pair]) => sum + (pair[side][index] ?? 0) / SHOWS_LEVELS[band], 0));
}

export class Curves {
  /** `onSeek(frame)` is called with a frame of the original, `onStep(frames)` with how far to go. */
  constructor(box, traces, { timeOf, length_s, onSeek, onStep }) {
    this.box = box;
    this.traces = traces;
    this.timeOf = timeOf;
    this.length_s = length_s;
    this.band = "all";
    this.index = 0;
    this.onSeek = onSeek;
    this._perPoint = traces.frames / traces.points;
    this._times = Array.from({ length: traces.points }, (_, point) => timeOf(this.frameOf(point)));
    this._draw();
    this._listen(onStep);
  }

  frameOf(point) {
    return Math.min(this.traces.frames - 1, Math.round(point * this._perPoint));
  }

  show(band) {
    this.band = band;
    this._draw();
    this.mark(this.index);
  }

  /** Put the playhead on this frame. */
  mark(index) {
    this.index = index;
    this.chart.redraw(false);
    this.chart.setLegend({ idx: this._point });
    this.box.setAttribute("aria-valuenow", index);
    this.box.setAttribute("aria-valuetext", `frame ${index}, ${this.timeOf(index).toFixed(2)} seconds, ${this._readout()}`);
  }

  dispose() {
    this._away.abort();
    this.chart.destroy();
  }

  _values(side) {
    return this.band === "all" ? together(this.traces.curves, side) : (this.traces.curves[this.band]?.[side] ?? null);
  }

  get _point() {
    return Math.min(this.traces.points - 1, Math.round(this.index / this._perPoint));
  }

  _readout() {
    const level = (values) => (values ? values[this._point].toFixed(2) : null);
    const [before, after] = [level(this._before), level(this._after)];
    return after === null ? `${before}` : `${before} before, ${after} after`;
  }

  _draw() {
    this.chart?.destroy();
    this._before = this._values("before");
    this._after = this._values("after");
    const unit = this.band === "all" ? "" : " levels";
    this.colours = Object.fromEntries(["text", "text-soft", "line", "before", "after", "worst", "cause"].map((name) => [name, colour(`--${name}`)]));
    const line = (label, name, opacity) => ({
      label, stroke: this.colours[name], width: 2, fill: colour(`--${name}`, opacity), points: { show: false }, value: (_, level) => (level == null ? "–" : `${level.toFixed(2)}${unit}`),
    });
    const series = [{ label: "Time", value: (_, time) => (time == null ? "–" : `${time.toFixed(2)} s`) }, line("Original", "before", 0.15)];
    const data = [this._times, this._before];
    if (this._after) {
      series.push(line("Result", "after", 0.25));
      data.push(this._after);
    }
    const axis = { stroke: this.colours["text-soft"], grid: { stroke: this.colours.line, width: 1 }, ticks: { stroke: this.colours.line, width: 1 }, font: "12px system-ui, sans-serif" };
    this.chart = new uPlot(
      {
        width: this.box.clientWidth, height: HEIGHT, series, legend: { show: true, live: true },
        scales: { x: { time: false, range: [0, this.length_s] }, y: { range: (_, __, high) => [0, Math.max(FLOOR, (high ?? 0) * 1.08)] } },
        axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => `${+tick.toFixed(ticks[1] - ticks[0] < 0.01 ? 4 : 2)} s`) }, { ...axis, size: 46 }],
        cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
        hooks: { drawClear: [(chart) => this._under(chart)], draw: [(chart) => this._over(chart)] },
      },
      data, this.box,
    );
    this.chart.over.addEventListener("mouseleave", () => this.chart.setLegend({ idx: this._point }));
    this.chart.over.addEventListener("click", () => this.chart.cursor.idx != null && this.onSeek(this.frameOf(this.chart.cursor.idx)));
  }

  _at(frame) {
    return this.chart.valToPos(frame >= this.traces.frames ? this.length_s : this.timeOf(frame), "x", true);
  }

  _band(context, { top, height }, first, last, colour) {
    const left = this._at(first);
    context.fillStyle = colour;
    context.fillRect(left, top, Math.max(3 * devicePixelRatio, this._at(last + 1) - left), height);
  }

  _under(chart) {
    this.chart = chart;
    const { ctx: context, bbox } = chart;
    context.save();
    if (this.traces.worst) this._band(context, bbox, ...this.traces.worst, this.colours.worst);
    context.restore();
  }

  _over(chart) {
    const { ctx: context, bbox } = chart;
    const unit = devicePixelRatio;
    const upright = (frame, colour, width, dash = []) => {
      const x = Math.round(this._at(frame));
      context.strokeStyle = colour;
      context.lineWidth = width * unit;
      context.setLineDash(dash.map((length) => length * unit));
      context.beginPath();
      context.moveTo(x, bbox.top);
      context.lineTo(x, bbox.top + bbox.height);
      context.stroke();
    };
    context.save();
    for (const cut of this.traces.cuts) upright(cut, this.colours["text-soft"], 1, [4, 4]);
    const bar = { top: bbox.top, height: 5 * unit };
    for (const cause of this.traces.causes) this._band(context, bar, cause.start, cause.end, this.colours.cause);
    upright(this.index, this.colours.text, 2);
    context.restore();
  }

  _listen(onStep) {
    this._away = new AbortController();
    const { signal } = this._away;
    const last = this.traces.frames - 1;
    const second = Math.max(1, Math.round(this.traces.frames / this.length_s));
    const keys = {
      ArrowRight: () => onStep(1), ArrowUp: () => onStep(1), ArrowLeft: () => onStep(-1), ArrowDown: () => onStep(-1),
      PageUp: () => onStep(second), PageDown: () => onStep(-second), Home: () => this.onSeek(0), End: () => this.onSeek(last),
    };
    this.box.setAttribute("aria-valuemax", last);
    this.box.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    }, { signal });
    const resized = new ResizeObserver(() => this.chart.setSize({ width: this.box.clientWidth, height: HEIGHT }));
    resized.observe(this.box);
    signal.addEventListener("abort", () => resized.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this._draw(), { signal });
    const themed = new MutationObserver(() => this._draw());
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    signal.addEventListener("abort", () => themed.disconnect());
  }
}
