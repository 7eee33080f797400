// The difference of original and result, amplified, on a canvas over the player.

const DOUBLINGS = 3; // amplified eightfold
const WIDEST_PX = 960;

export function paintDifference(canvas, original, result) {
  const scale = Math.min(1, WIDEST_PX / original.videoWidth);
  const width = Math.round(original.videoWidth * scale);
  const height = Math.round(original.videoHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "copy";
  context.drawImage(original, 0, 0, width, height);
  context.globalCompositeOperation = "difference";
  context.drawImage(result, 0, 0, width, height);
  context.globalCompositeOperation = "lighter";
  for (let time = 0; time < DOUBLINGS; time++) context.drawImage(canvas, 0, 0);
}
