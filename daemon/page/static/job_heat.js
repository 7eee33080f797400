// Where in the frame it flickers: the diagnosis's map over the picture, the original's on its side of the slider, the result's on the other.

const SHADES = [[16, 10, 60], [110, 20, 120], [200, 50, 90], [250, 130, 50], [255, 230, 130]]; // from little to much, each lighter
const CLEAR = 0.08; // part of the scale below which the picture is not covered
const LEAST_LEVELS = 1;

function shade(part) {
  const place = Math.min(0.9999, Math.max(0, part)) * (SHADES.length - 1);
  const [low, high] = [SHADES[Math.floor(place)], SHADES[Math.floor(place) + 1]];
  return low.map((value, channel) => value + (high[channel] - value) * (place % 1));
}

function paint(canvas, map, full) {
  canvas.hidden = !map;
  if (!map) return;
  canvas.width = map.width;
  canvas.height = map.height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.width, map.height);
  map.data.forEach((level, place) => {
    const part = level / full;
    const opacity = Math.min(1, Math.max(0, (part - CLEAR) / (0.6 - CLEAR))) * 0.66;
    image.data.set([...shade(part), 255 * opacity], 4 * place);
  });
  context.putImageData(image, 0, 0);
}

/** Paint both maps of a band on one scale; its upper end in levels. */
export function paintHeat(canvases, maps, band) {
  const pair = maps[band];
  const full = Math.max(LEAST_LEVELS, ...(pair.before?.data ?? []), ...(pair.after?.data ?? []));
  paint(canvases.before, pair.before, full);
  paint(canvases.after, pair.after, full);
  return full;
}

/** The band whose map has the largest value. */
export function strongestBand(maps) {
  const peak = (band) => Math.max(0, ...(maps[band].before?.data ?? []));
  return Object.keys(maps).sort((one, other) => peak(other) - peak(one))[0] ?? null;
}
