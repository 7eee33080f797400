// The daemon's events, over a connection that is made anew by itself and takes up after the last event it saw.
//
// It stands in for EventSource under htmx's extension. `reset` is sent when what was missed cannot be replayed, or may not be.
// A tab that is out of sight for a while lets its connection go: browsers allow six to one host.
"use strict";
class Stream extends EventTarget {
  static NAMES = ["job", "progress", "finished", "amended", "status", "settings", "reset"];
  static HIDDEN_MS = 30_000;
  static LONGEST_WAIT_MS = 4_000;

  constructor(url) {
    super();
    this.url = new URL(url, location.href);
    this.readyState = EventSource.CONNECTING;
    this.failures = 0;
    this.names = new Set(Stream.NAMES);
    document.addEventListener("visibilitychange", () => this.sleepOrWake());
    addEventListener("pagehide", () => this.drop());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
    this.connect();
  }

  addEventListener(name, listener, options) {
    super.addEventListener(name, listener, options);
    if (!this.names.has(name)) {
      this.names.add(name);
      this.source?.addEventListener(name, (event) => this.pass(event));
    }
  }

  connect() {
    this.drop();
    this.source = new EventSource(this.url);
    this.source.onopen = () => this.opened();
    this.source.onerror = () => this.failed();
    for (const name of this.names) this.source.addEventListener(name, (event) => this.pass(event));
  }

  opened() {
    this.readyState = EventSource.OPEN;
    const wasLost = this.failures > 0;
    this.failures = 0;
    this.tell(window.deshimmer.hasKey() ? "live" : "locked");
    this.onopen?.(new Event("open"));
    if (wasLost) this.dispatchEvent(new MessageEvent("reset"));
  }

  async failed() {
    this.drop();
    this.failures += 1;
    this.retry = setTimeout(() => this.connect(), Math.min(250 * 2 ** this.failures, Stream.LONGEST_WAIT_MS));
    if (this.failures === 1) return; // a daemon that only restarts its connection is back at once
    const answer = await fetch("/api/v1/status").catch(() => null);
    if (this.failures) this.tell(answer && [401, 403].includes(answer.status) ? "locked" : "lost");
  }

  pass(event) {
    if (event.lastEventId) this.url.searchParams.set("after", event.lastEventId);
    this.dispatchEvent(new MessageEvent(event.type, { data: event.data, lastEventId: event.lastEventId }));
  }

  sleepOrWake() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => this.drop(), Stream.HIDDEN_MS);
    else if (!this.source) this.connect();
  }

  drop() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  close() {
    this.drop();
    this.readyState = EventSource.CLOSED;
  }

  tell(connection) {
    document.dispatchEvent(new CustomEvent("connection", { detail: connection }));
  }
}
htmx.createEventSource = (url) => {
  const stream = new Stream(url);
  window.deshimmer ??= {};
  window.deshimmer.stream ??= stream; // the page's own; a page may have more
  return stream;
};
