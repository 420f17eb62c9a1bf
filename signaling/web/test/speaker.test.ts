import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeakerTracker } from '../src/speaker.ts';

/** Feeds the same levels every 100 ms and gives the last answer. */
function feed(tracker: SpeakerTracker, fromMs: number, times: number, levels: Record<string, number>): string | undefined {
  let speaker: string | undefined;
  for (let index = 0; index < times; index++) speaker = tracker.update(fromMs + index * 100, new Map(Object.entries(levels)));
  return speaker;
}

test('who talks is the speaker, silence is nobody', () => {
  const tracker = new SpeakerTracker();
  assert.equal(feed(tracker, 10_000, 5, { a: 0.001, b: 0.08 }), 'b');
  assert.equal(feed(tracker, 11_000, 60, { a: 0.001, b: 0 }), undefined);
});

test('two who talk equally loud do not alternate', () => {
  const tracker = new SpeakerTracker();
  feed(tracker, 10_000, 5, { a: 0.08, b: 0 });
  assert.equal(feed(tracker, 11_500, 30, { a: 0.08, b: 0.09 }), 'a');
});

test('a clearly louder voice takes over after the hold', () => {
  const tracker = new SpeakerTracker();
  feed(tracker, 10_000, 1, { a: 0.05, b: 0 });
  assert.equal(feed(tracker, 10_100, 5, { a: 0.01, b: 0.3 }), 'a');
  assert.equal(feed(tracker, 11_500, 5, { a: 0.01, b: 0.3 }), 'b');
});

test('who leaves is forgotten', () => {
  const tracker = new SpeakerTracker();
  feed(tracker, 10_000, 5, { a: 0.1 });
  assert.equal(feed(tracker, 10_500, 1, { b: 0 }), undefined);
});
