// The pictures of the results. A box asks for its picture when it is first seen, and shows a sign until the picture is there: the daemon
// makes it then, which may take a while. What is asked for is not asked for again when the list is drawn anew.
"use strict";
(() => {
  const AT_ONCE = 2; // a browser allows six requests to one host, and the daemon makes one picture at a time
  const RETRY_MS = [2000, 10_000, 60_000];
  const images = new Map(); // address -> its image, once it is there
  const waiting = new Map(); // address -> how often it failed
  const asked = new Set();
  let running = 0;

  function show(box) {
    const image = images.get(box.dataset.thumbnail);
    if (image) box.replaceChildren(image.cloneNode());
    return Boolean(image);
  }

  function showAll(address) {
    for (const box of document.querySelectorAll("[data-thumbnail]")) if (box.dataset.thumbnail === address) show(box);
  }

  function next() {
    for (const [address, failures] of waiting) {
      if (running >= AT_ONCE) return;
      waiting.delete(address);
      if (isShown(address)) load(address, failures);
      else asked.delete(address); // filtered away before its turn: asked for when it is seen again
    }
  }

  function isShown(address) {
    return [...document.querySelectorAll("[data-thumbnail]")].some((box) => box.dataset.thumbnail === address);
  }

  async function load(address, failures) {
    running += 1;
    const image = Object.assign(new Image(), { src: address, alt: "" });
    try {
      await image.decode();
      images.set(address, image);
      showAll(address);
    } catch {
      if (failures < RETRY_MS.length) setTimeout(() => ask(address, failures + 1), RETRY_MS[failures]);
    }
    running -= 1;
    next();
  }

  function ask(address, failures = 0) {
    waiting.set(address, failures);
    next();
  }

  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      if (!asked.has(target.dataset.thumbnail)) ask(target.dataset.thumbnail);
      asked.add(target.dataset.thumbnail);
    }
  }, { rootMargin: "200px" });

  function look() {
    for (const box of document.querySelectorAll("[data-thumbnail]")) if (!show(box)) seen.observe(box);
  }

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("htmx:afterSwap", look);
})();
