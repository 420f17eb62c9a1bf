// What the quality measurement makes of samples: no browser needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf } from './quality/figures.mjs';
import { linePlot, standPlot } from './quality/plot.mjs';

const STEP_MS = 250;
/** Counters of a call of 20 frames a second that begins at 0; `decoded` of them arrive, `width` says how large at a moment. */
function samples({ decoded = 1, width = () => 640, seconds = 10 }) {
  const at = Array.from({ length: (seconds * 1_000) / STEP_MS + 1 }, (_, n) => n * STEP_MS);
  const frames = (ms) => ms / 50;
  const publisher = { samples: at.map((ms) => ({ at: ms, captured: frames(ms), sent: [{ rid: 'r0', framesSent: frames(ms), targetBitrate: 150_000, qualityLimitationReason: 'none' }, { rid: 'r1', framesSent: frames(ms) / 2, qualityLimitationReason: 'cpu' }] })), frames: [] };
  const video = (ms) => ({ framesDecoded: frames(ms) * decoded, bytesReceived: ms * 50, frameWidth: width(ms), freezeCount: Math.floor(ms / 5_000) });
  const audio = (ms) => ({ bytesReceived: ms * 4, totalSamplesReceived: ms * 48, concealedSamples: ms * 4.8, silentConcealedSamples: ms * 2.4 });
  return { publisher, viewer: { samples: at.map((ms) => ({ at: ms, video: video(ms), audio: audio(ms) })), frames: at.map((ms) => [ms, 7]) } };
}

test('figures of a phase are differences of counters', () => {
  const figures = figuresOf({ ...samples({ decoded: 0.9 }), from: 2_000, to: 8_000 });
  assert.equal(figures.framesSent, 120, 'the size with most frames counts');
  assert.ok(Math.abs(figures.decodedPart - 0.9) < 1e-9);
  assert.equal(figures.freezes, 1);
  assert.ok(Math.abs(figures.kbps - 432) < 1e-9);
  assert.ok(Math.abs(figures.concealedPart - 0.05) < 1e-9, 'made up silence is not heard');
  assert.equal(figures.longestStandMs, STEP_MS);
  assert.deepEqual(figures.sender.map(({ limits }) => limits), [['none'], ['cpu']]);
});

test('it is settled when the width is what it then keeps, or what it was before', () => {
  const narrowing = samples({ width: (ms) => (ms < 4_000 ? 1_280 : 640) });
  assert.equal(figuresOf({ ...narrowing, from: 2_000, to: 8_000 }).settledMs, 2_000);
  const widening = samples({ width: (ms) => (ms < 7_000 ? 640 : 1_280) });
  assert.equal(figuresOf({ ...widening, from: 2_000, to: 8_000, before: 1_280 }).settledMs, 5_000);
  assert.equal(figuresOf({ ...widening, from: 2_000, to: 6_000, before: 1_280 }).settledMs, null);
});

test('a phase without samples has no figures', () => {
  assert.deepEqual(figuresOf({ publisher: { samples: [], frames: [] }, viewer: { samples: [], frames: [] }, from: 0, to: 1 }), { samples: 0 });
});

test('plots hold each line, and each stand', () => {
  const phases = [{ title: '10 % loss & more', from: 0, to: 500 }];
  const lines = linePlot({ title: 'Received', unit: 'kbit/s', total: 1_000, phases, lines: [{ server: 'corelay', points: [[0, 0], [1_000, 430]] }] });
  assert.match(lines, /d="M64\.0 214\.0L984\.0 /);
  assert.match(lines, />500</, 'the scale ends at a round number');
  assert.match(lines, /10 % loss &amp; more/);
  const stands = standPlot({ title: 'stands', total: 1_000, phases, lanes: [{ server: 'janus', stands: [[0, 600], [700, 950]] }] });
  assert.equal(stands.match(/fill-opacity="1"/g).length, 1, 'only one is long');
});
