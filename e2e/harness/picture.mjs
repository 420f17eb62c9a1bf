// The test picture: every frame can be made again from its number, and carries who sent it and the number as a bar code.
//
//   | 1 0 | sender 3 bits | frame 9 bits | check 4 bits | 0 1 |   20 blocks across the top, white for one
//   |                                                         |
//   |        two moving waves and a disc that circles         |
//
// Grey only: then no colour matrix between here and the canvas can change what is measured.

export const WIDTH = 640;
export const HEIGHT = 360;
/** Of a film that Chromium and Firefox send in three sizes: of a smaller one Chromium leaves the lowest out. */
export const LARGE = { width: 960, height: 540 };
export const FPS = 20;
/** The film repeats after so many frames: 5 s. More make a larger file, fewer make a wrap-around look like progress. */
export const FRAMES = 100;

/** One frame's luma, 16 to 235, the same picture at any size. Stands alone, because it is also given to the page as text. */
export function lumaOf(sender, frame, width, height, frames) {
  const [block, unit] = [width / 20, width / 640];
  const check = (sender * 5 + frame * 3 + (frame >> 4) * 7) & 15;
  const code = (2 << 18) | (sender << 15) | (frame << 6) | (check << 2) | 1;
  const turn = (2 * Math.PI * frame) / frames;
  const across = Float32Array.from({ length: width }, (_, x) => 45 * Math.sin((2 * Math.PI * x) / (160 * unit) + turn * 3));
  const down = Float32Array.from({ length: height }, (_, y) => 30 * Math.sin((2 * Math.PI * y) / (90 * unit) - turn * 2 + sender));
  const [cx, cy, radius] = [width / 2 + 180 * unit * Math.cos(turn), height / 2 + (30 + 80 * Math.sin(turn)) * unit, 40 * unit];
  const luma = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (y < block) luma[at] = (code >> (19 - Math.floor(x / block))) & 1 ? 235 : 16;
      else luma[at] = (x - cx) ** 2 + (y - cy) ** 2 < radius ** 2 ? 220 : 125 + across[x] + down[y];
    }
  }
  return luma;
}

/** Who and which, out of a received luma picture; `null` if the bar code does not hold together. */
export function readBarcode(luma, width, height) {
  const block = width / 20;
  let code = 0;
  for (let bit = 0; bit < 20; bit++) {
    let [sum, count] = [0, 0];
    for (let y = Math.floor(block * 0.3); y < block * 0.7; y++) {
      for (let x = Math.floor(block * (bit + 0.3)); x < block * (bit + 0.7); x++, count++) sum += luma[y * width + x];
    }
    code = (code << 1) | (sum / count > 125 ? 1 : 0);
  }
  const [sender, frame, check] = [(code >> 15) & 7, (code >> 6) & 511, (code >> 2) & 15];
  const whole = code >> 18 === 2 && (code & 3) === 1 && check === ((sender * 5 + frame * 3 + (frame >> 4) * 7) & 15);
  return whole ? { sender, frame } : null;
}

/** Peak signal-to-noise ratio in dB of the part below the bar code. Identical pictures give 99. */
export function psnr(received, source, width, height) {
  const from = Math.ceil(width / 20) * width;
  let squares = 0;
  for (let at = from; at < width * height; at++) squares += (received[at] - source[at]) ** 2;
  const mse = squares / (width * height - from);
  return mse === 0 ? 99 : Math.min(99, 10 * Math.log10((255 * 255) / mse));
}
