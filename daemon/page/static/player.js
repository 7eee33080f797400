// The wipe player: original and result in step. One clock: the original leads, the result follows it.
// Positions are frames of the original; `times` of each file say when a player shows each of its frames.

const NEAR_FRAMES = 0.35; // up to here both clocks count as one
const FAR_FRAMES = 1.2; // from here on the one that is ahead waits
const LATE_PART = 0.2; // of the last frame's time, when the player stops on it: no later, or the next one would flash up
const MOST_NUDGE = 0.12; // of the speed, to close a gap unseen
const SEEK_PATIENCE_MS = 4000;
const PAINT_PATIENCE_MS = 400;
const START_PATIENCE_MS = 800;
const CANNOT = { title: "The browser cannot play it", message: "Open it in your own player, or use a browser that plays H.264." };
const hasVideoFrames = "VideoFrame" in window;
const hasFrameCallback = "requestVideoFrameCallback" in HTMLVideoElement.prototype;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Index of the frame that is on screen at `time`. */
function frameAt(times, time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + 1e-4) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** One video, its frames' times, and how they lie against the original's. */
class Side {
  constructor(video, hold, times, leader = null) {
    this.video = video;
    this.hold = hold; // a canvas over it
    this.times = times;
    this.leader = leader;
    this.shown = 0; // of its own frames
    this.pace = 1; // seconds of it for one of the original's
    if (leader) {
      const ratio = this.length_s / leader.length_s;
      this.pace = ratio > 1.25 ? ratio : 1; // slow motion
      const factor = times.length / leader.times.length;
      this.factor = Number.isInteger(factor) ? factor : null;
    }
  }

  get typical_s() {
    return this.times.length > 1 ? (this.times.at(-1) - this.times[0]) / (this.times.length - 1) : 0.04;
  }

  get length_s() {
    return this.times.at(-1) - this.times[0] + this.typical_s;
  }

  /** Its frame for a frame of the original. */
  fromSource(index) {
    if (!this.leader) return clamp(index, 0, this.times.length - 1);
    if (this.factor) return clamp(index * this.factor, 0, this.times.length - 1);
    const since = this.leader.times[index] - this.leader.times[0];
    return frameAt(this.times, this.times[0] + since * this.pace);
  }

  /** The original's frame for one of its own. */
  toSource(index) {
    if (!this.leader) return index;
    if (this.factor) return Math.floor(index / this.factor);
    return frameAt(this.leader.times, this.leader.times[0] + (this.times[index] - this.times[0]) / this.pace);
  }

  /** Seconds into the clip, counted in the original's time. */
  get clock_s() {
    return (this.video.currentTime - this.times[0]) / this.pace;
  }

  get source() {
    return this.toSource(this.shown);
  }

  /** The middle of a frame's time, so that no rounding shows its neighbour. */
  middle_s(index) {
    const next = index + 1 < this.times.length ? this.times[index + 1] : this.times[index] + this.typical_s;
    return (this.times[index] + Math.min(next, this.times[index] + 2 * this.typical_s)) / 2;
  }

  note(time) {
    this.shown = frameAt(this.times, time);
  }

  /** Resolves once the frame is on screen. */
  async seek(index) {
    const video = this.video;
    const own = this.fromSource(index);
    const target = this.middle_s(own);
    if (!(Math.abs(video.currentTime - target) < 1e-3 && !video.seeking && this.shown === own)) {
      const done = once(video, "seeked", SEEK_PATIENCE_MS);
      const painted = this._painted();
      video.currentTime = target;
      await done;
      await Promise.race([painted, wait(PAINT_PATIENCE_MS)]);
    }
    this.shown = own;
  }

  /** The picture of this moment with its own time, which no later one can take the place of; null where the browser has none. */
  grab() {
    try {
      return new VideoFrame(this.video);
    } catch {
      return null;
    }
  }

  /** Lay a grabbed picture over the video. */
  lay(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.hold.width !== width || this.hold.height !== height) Object.assign(this.hold, { width, height });
    this.hold.getContext("2d").drawImage(frame, 0, 0, width, height);
  }

  /** Keep what is shown now. */
  snap() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    if (this.hold.width !== width || this.hold.height !== height) Object.assign(this.hold, { width, height });
    this.hold.getContext("2d").drawImage(this.video, 0, 0);
  }

  _painted() {
    return new Promise((resolve) => (hasFrameCallback ? this.video.requestVideoFrameCallback(resolve) : resolve()));
  }
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function once(target, type, patience_ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patience_ms);
    target.addEventListener(type, () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Events: `frame` (another one is on screen), `state` (plays, speed, loop). */
export class Player extends EventTarget {
  /** `holds`: a canvas over each video. `media`: {original?: {url, times}, result?: {url, times}}; the videos are made ready, muted, at the first frame. */
  constructor(videos, holds, media) {
    super();
    this.sides = [];
    this._leader = null;
    for (const name of ["original", "result"]) {
      if (!media[name]) continue;
      const side = new Side(videos[name], holds[name], media[name].times, this._leader);
      side.name = name;
      this._leader ??= side;
      this.sides.push(side);
    }
    this.frames = this._leader.times.length;
    this.speed = 1;
    this.repeats = true;
    this.playing = false;
    this.worst = null; // [first, last]
    this.loopsWorst = false;
    this._wanted = null;
    this._seeking = null;
    this._held = null; // the side that waits for the other
    this._wrapping = false;
    this._timer = null; // set shortly before the end
    this._moved = null; // the sides that have moved since the start, until they are uncovered
    this._disposed = false;
  }

  async open(media) {
    await Promise.all(
      this.sides.map(async (side) => {
        const ready = new Promise((resolve, reject) => {
          side.video.addEventListener("loadeddata", resolve, { once: true });
          side.video.addEventListener("error", () => reject(CANNOT), { once: true });
        });
        side.video.muted = true;
        side.video.src = media[side.name].url;
        await ready;
        side.video.addEventListener("ended", () => this._ended());
        this._watch(side);
      }),
    );
    await this.seek(0);
  }

  dispose() {
    this._disposed = true;
    this.pause();
    for (const { video } of this.sides) {
      video.removeAttribute("src");
      video.load();
    }
  }

  get index() {
    return this._wanted ?? this._leader.source;
  }

  get range() {
    return this.loopsWorst && this.worst ? this.worst : [0, this.frames - 1];
  }

  /** Frames of the original that both show now. */
  shown() {
    return Object.fromEntries(this.sides.map((side) => [side.name, side.source]));
  }

  get inStep() {
    return this.sides.every((side) => side.source === this._leader.source);
  }

  timeOf(index) {
    return this._leader.times[index] - this._leader.times[0];
  }

  get length_s() {
    return this._leader.length_s;
  }

  async play() {
    if (this.playing) return;
    const [first, last] = this.range;
    if (this.index < first || this.index >= last) await this.seek(first);
    this.playing = true;
    this._run();
    this._tell("state");
  }

  pause() {
    this.playing = false;
    this._held = null;
    clearTimeout(this._timer);
    this._timer = null;
    for (const side of this.sides) side.video.pause();
    this._tell("state");
  }

  /** Pause, and put both on the very same frame. */
  async stop() {
    this.pause();
    await this.seek(clamp(this._leader.source, ...this.range));
  }

  toggle() {
    return this.playing ? this.stop() : this.play();
  }

  setSpeed(speed) {
    this.speed = speed;
    for (const side of this.sides) side.video.playbackRate = speed * side.pace;
    this._tell("state");
  }

  setRepeats(repeats) {
    this.repeats = repeats;
    this._tell("state");
  }

  async setLoopsWorst(loops) {
    this.loopsWorst = loops && this.worst !== null;
    this._tell("state");
    const [first, last] = this.range;
    if (this.loopsWorst && (this.index < first || this.index > last)) await this.seek(first);
    if (this.loopsWorst) await this.play();
  }

  async step(frames) {
    if (this.playing) await this.stop();
    await this.seek(this.index + frames);
  }

  /** To a frame of the original; of several calls in a row the last one counts. */
  seek(index) {
    this._wanted = clamp(Math.round(index), 0, this.frames - 1);
    this._tell("frame");
    this._seeking ??= this._seekAll().finally(() => {
      this._seeking = null;
      this._wanted = null;
      this._tell("frame");
      if (this._goesOn) this._run();
    });
    return this._seeking;
  }

  async _seekAll() {
    clearTimeout(this._timer);
    this._timer = null;
    for (const side of this.sides) side.video.pause();
    let reached = null;
    while (reached !== this._wanted && !this._disposed) {
      const target = this._wanted;
      if (this._leader.hold.hidden) this._snap();
      this._cover();
      await Promise.all(this.sides.map((side) => side.seek(target)));
      reached = target;
      if (this.playing && this._isPainted) this._paint();
      else if (!this._goesOn) this._uncover();
    }
  }

  get _goesOn() {
    return this.playing && !this._wrapping && !this._disposed;
  }

  /** Both begin to move at once: what lies over them goes when each has shown a new frame and they are in step. */
  _run() {
    this._held = null;
    this._moved = new Set();
    this.setSpeed(this.speed);
    if (this._isPainted) this._paint();
    else this._snap();
    this._cover();
    for (const side of this.sides) side.video.play().catch(() => {});
    clearTimeout(this._uncovering);
    this._uncovering = setTimeout(() => (this._moved = null), START_PATIENCE_MS); // then nearly in step will do
  }

  _cover() {
    for (const side of this.sides) side.hold.hidden = false;
  }

  _snap() {
    for (const side of this.sides) side.snap();
  }

  _uncover() {
    clearTimeout(this._uncovering);
    this._moved = null;
    for (const side of this.sides) side.hold.hidden = true;
  }

  _watch(side) {
    const seen = (_, frame) => {
      if (this._disposed) return;
      if (!this._seeking) {
        const before = side.shown;
        side.note(frame ? frame.mediaTime : side.video.currentTime);
        if (this.playing) this._keep(side);
        if (side.shown !== before || !hasFrameCallback) this._tell("frame");
      }
      again();
    };
    const again = () => (hasFrameCallback ? side.video.requestVideoFrameCallback(seen) : requestAnimationFrame(() => seen()));
    again();
  }

  _keep(side) {
    this._moved?.add(side);
    this._show(side);
    const own = side.fromSource(this.range[1]);
    if (side.shown >= own) {
      this._wrap();
      return;
    }
    const left_s = (side.times[own] + LATE_PART * side.typical_s - side.video.currentTime) / side.video.playbackRate;
    if (left_s < (2 * side.typical_s) / this.speed) this._timer ??= setTimeout(() => this._ended(), 1000 * left_s);
    if (this.sides.length > 1) this._sync();
  }

  /** Let see what moves, but never two pictures more than a frame apart nor one beyond the range: then the last good pair stays. */
  _show(side) {
    if (this._isPainted) {
      this._paint();
      return;
    }
    const places = this.sides.map((each) => each.source);
    const [low, high] = [Math.min(...places), Math.max(...places)];
    if (high - low > 1 || high > this.range[1]) this._cover();
    else if (!this._moved) {
      side.snap();
      this._uncover();
    } else if (this._moved.size === this.sides.length && low === high) this._uncover();
  }

  /** Where the video goes on behind the range's end, a busy machine would show what lies there: every picture is looked at first. */
  get _isPainted() {
    return hasVideoFrames && this.range[1] < this.frames - 1;
  }

  /** Lay the pictures of this moment over both videos, where they are of the range and in step; else the last good pair stays. */
  _paint() {
    const frames = this.sides.map((side) => side.grab());
    if (frames.every(Boolean)) {
      const places = this.sides.map((side, at) => side.toSource(frameAt(side.times, frames[at].timestamp / 1e6)));
      const [low, high] = [Math.min(...places), Math.max(...places)];
      if (low >= this.range[0] && high <= this.range[1] && high - low <= 1) this.sides.forEach((side, at) => side.lay(frames[at]));
    }
    for (const frame of frames) frame?.close();
    this._cover();
  }

  /** Close the gap between the two clocks: a little by the speed, much by waiting. */
  _sync() {
    const [leader, follower] = this.sides;
    const gap = (follower.clock_s - leader.clock_s) / leader.typical_s; // frames
    if (this._held) {
      const waits = this._held;
      const isCaught = waits === follower ? gap < NEAR_FRAMES : gap > -NEAR_FRAMES;
      if (!isCaught) return;
      this._held = null;
      waits.video.play().catch(() => {});
      return;
    }
    if (Math.abs(gap) > FAR_FRAMES) {
      this._held = gap > 0 ? follower : leader;
      this._held.video.pause();
      return;
    }
    const nudge = Math.abs(gap) < NEAR_FRAMES ? 0 : clamp(-gap * MOST_NUDGE, -MOST_NUDGE, MOST_NUDGE);
    const rate = this.speed * follower.pace * (1 + nudge);
    if (Math.abs(follower.video.playbackRate - rate) > 0.01) follower.video.playbackRate = rate;
  }

  _ended() {
    if (this.playing && !this._seeking) this._wrap();
  }

  /** At the end: stand on the last frame for as long as it lasts, then begin anew, or stay. */
  async _wrap() {
    clearTimeout(this._timer);
    this._timer = null;
    if (this._wrapping) return;
    this._wrapping = true;
    const [first, last] = this.range;
    for (const side of this.sides) side.video.pause();
    if (this.sides.some((side) => side.source !== last)) await this.seek(last);
    await wait((1000 * this._leader.typical_s) / this.speed);
    this._wrapping = false;
    if (!this.playing || this._disposed) return;
    if (this.repeats || this.loopsWorst) await this.seek(first);
    else await this.stop();
  }

  _tell(type) {
    this.dispatchEvent(new Event(type));
  }
}
