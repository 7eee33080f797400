"""A clip whose frames say their number: black and white squares along the lower edge, and a script that reads what the
player shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from clipmaker import Picture

BITS = 8
SQUARE_PX = 12


def coded(shots: Iterable[Picture]) -> list[Picture]:
    """Each picture with its number, the highest bit first, in squares from the lower left corner on."""
    marked: list[Picture] = []
    for index, shot in enumerate(shots):
        picture = shot.copy()
        for bit in range(BITS):
            left = bit * SQUARE_PX
            picture[-SQUARE_PX:, left : left + SQUARE_PX] = 235 if index >> (BITS - 1 - bit) & 1 else 20
        marked.append(np.clip(picture, 0, 255))
    return marked


READ = f"""(() => {{
  const canvas = Object.assign(document.createElement("canvas"), {{ width: {BITS}, height: 2 }});
  const context = canvas.getContext("2d", {{ willReadFrequently: true }});
  const draw = (name, row) => {{
    const [video, hold] = [document.getElementById(name), document.getElementById(`hold-${{name}}`)];
    const seen = hold.hidden ? video : hold; // what is on top
    const inner = {SQUARE_PX} / 3; // of each square, the middle
    for (let bit = 0; bit < {BITS}; bit++)
      context.drawImage(seen, bit * {SQUARE_PX} + inner, video.videoHeight - {SQUARE_PX} + inner, inner, inner, bit, row, 1, 1);
  }};
  const read = (row) => {{
    const pixels = context.getImageData(0, row, {BITS}, 1).data;
    return [...Array({BITS}).keys()].reduce((number, bit) => 2 * number + (pixels[4 * bit] > 127 ? 1 : 0), 0);
  }};
  window.readFrame = (name) => (draw(name, 0), read(0));
  window.readBoth = () => (draw("original", 0), draw("result", 1), [read(0), read(1)]); // drawn together: reading takes its time
}})()"""
