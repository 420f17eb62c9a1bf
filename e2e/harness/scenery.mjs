// A film that is nice to look at, for the screenshot: hills in the evening, each sender at another hour.
import { HEIGHT, WIDTH } from './picture.mjs';

const HILLS = 4;
/** Colours from the sky's top to its bottom, then of the nearest hill, as RGB. */
const HOURS = [
  { sky: [[46, 66, 128], [240, 160, 110]], near: [24, 30, 52], sun: [255, 226, 170] },
  { sky: [[22, 90, 120], [190, 226, 205]], near: [10, 46, 52], sun: [255, 250, 220] },
  { sky: [[70, 40, 100], [250, 130, 140]], near: [34, 18, 54], sun: [255, 214, 200] },
];

const mix = (a, b, part) => a.map((value, n) => value + (b[n] - value) * part);

/** One frame as planes of Y, U and V (BT.601, limited range). */
export function sceneryFrame(sender, frame, frames) {
  const rgb = paint(HOURS[(sender - 1) % HOURS.length], (2 * Math.PI * frame) / frames, sender);
  const planes = Buffer.alloc((WIDTH * HEIGHT * 3) / 2);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const [r, g, b] = rgb(x, y);
      planes[y * WIDTH + x] = 16 + 0.257 * r + 0.504 * g + 0.098 * b;
      if (x % 2 || y % 2) continue;
      const chroma = WIDTH * HEIGHT + (y / 2) * (WIDTH / 2) + x / 2;
      planes[chroma] = 128 - 0.148 * r - 0.291 * g + 0.439 * b;
      planes[chroma + (WIDTH * HEIGHT) / 4] = 128 + 0.439 * r - 0.368 * g - 0.071 * b;
    }
  }
  return planes;
}

/** The colour of each point at a moment. */
function paint({ sky, near, sun }, turn, sender) {
  const [sunX, sunY] = [WIDTH * (0.3 + 0.2 * sender), HEIGHT * 0.36 + 6 * Math.sin(turn)];
  const ridges = Array.from({ length: HILLS }, (_, hill) => {
    const part = (hill + 1) / HILLS;
    const colour = mix(sky[1], near, part);
    const heights = Float32Array.from({ length: WIDTH }, (_, x) => {
      const wave = Math.sin(x / (130 - 20 * hill) + sender + 2 * hill + 0.15 * Math.sin(turn)) + 0.5 * Math.sin(x / 47 + 3 * hill * sender);
      return HEIGHT * (0.48 + 0.13 * hill) - 22 * wave;
    });
    return { colour, heights };
  });
  return (x, y) => {
    const hill = ridges.findLast(({ heights }) => y > heights[x]);
    if (hill) return hill.colour;
    const distance = Math.hypot(x - sunX, y - sunY);
    const air = mix(sky[0], sky[1], Math.min(1, y / (HEIGHT * 0.7)));
    return distance < 30 ? sun : mix(sun, air, Math.min(1, 0.35 + (distance - 30) / 200));
  };
}
