// Files for the fake camera and the fake microphone of Chromium.
import fs from 'node:fs';
import path from 'node:path';
import { FPS, FRAMES, HEIGHT, WIDTH, lumaOf } from './picture.mjs';
import { sceneryFrame } from './scenery.mjs';

const RATE = 48_000;
const LOOP_SECONDS = 2;
const BURST_SECONDS = 0.3;
const PAUSE_SECONDS = 0.2;
const SCENERY_FRAMES = 40;

/** The pitch that tells a sender's voice from another's. */
export const pitchHz = (sender) => 400 + 300 * sender;

/** Writes a film (Y4M) and a sound (WAV) of one sender; `scenery` for one to look at, without a bar code. */
export function writeMedia(directory, sender, { scenery = false, size = { width: WIDTH, height: HEIGHT } } = {}) {
  const film = path.join(directory, `sender-${sender}.y4m`);
  const sound = path.join(directory, `sender-${sender}.wav`);
  if (scenery) writeFilm(film, { width: WIDTH, height: HEIGHT, frames: SCENERY_FRAMES }, (frame) => sceneryFrame(sender, frame, SCENERY_FRAMES));
  else writeFilm(film, { ...size, frames: FRAMES }, (frame) => testFrame(sender, frame, size));
  fs.writeFileSync(sound, wav(sender));
  return { film, sound };
}

function writeFilm(file, { width, height, frames }, frameOf) {
  const out = fs.openSync(file, 'w');
  fs.writeSync(out, `YUV4MPEG2 W${width} H${height} F${FPS}:1 Ip A1:1 C420\n`);
  for (let frame = 0; frame < frames; frame++) {
    fs.writeSync(out, 'FRAME\n');
    fs.writeSync(out, frameOf(frame));
  }
  fs.closeSync(out);
}

function testFrame(sender, frame, { width, height }) {
  return Buffer.concat([lumaOf(sender, frame, width, height, FRAMES), Buffer.alloc((width * height) / 2, 128)]);
}

/** Tone bursts: a tone without pauses would be taken for noise by the browser's noise suppression. */
function wav(sender) {
  const samples = RATE * LOOP_SECONDS;
  const file = Buffer.alloc(44 + samples * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples * 2, 40);
  for (let n = 0; n < samples; n++) {
    const phase = (n / RATE) % (BURST_SECONDS + PAUSE_SECONDS);
    // Fades of 10 ms: a hard edge is a click, which has every pitch.
    const gain = Math.max(0, Math.min(1, phase / 0.01, (BURST_SECONDS - phase) / 0.01));
    file.writeInt16LE(Math.round(12_000 * gain * Math.sin((2 * Math.PI * pitchHz(sender) * n) / RATE)), 44 + n * 2);
  }
  return file;
}
