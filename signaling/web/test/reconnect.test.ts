import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, backoffMs } from '../src/backoff.ts';
import { endingOf } from '../src/ending.ts';

test('waits grow, are bounded, and are spread over the upper half', () => {
  assert.equal(backoffMs(0, 0), 200);
  assert.equal(backoffMs(0, 1), 400);
  assert.equal(backoffMs(1, 1), 800);
  assert.equal(backoffMs(1000, 1), 10_000);
  assert.equal(backoffMs(1000, 0), 5_000);
});

test('a page that is thrown out after each join comes back ever more slowly', () => {
  const backoff = new Backoff();
  const waits = [0, 1_000, 3_000].map((nowMs) => {
    backoff.connected(nowMs);
    return backoff.nextMs(nowMs + 500, 1);
  });
  assert.deepEqual(waits, [400, 800, 1_600]);
  backoff.connected(10_000);
  assert.equal(backoff.nextMs(25_000, 1), 400);
  assert.equal(backoff.nextMs(26_000, 1), 800);
});

test('a connection that breaks without a word is tried again', () => {
  assert.equal(endingOf(1006, undefined).remedy, 'retry');
  assert.equal(endingOf(1001, undefined).reason, 'server-shutdown');
  assert.equal(endingOf(4503, undefined).remedy, 'retry');
});

test('the server decides by its goodbye', () => {
  assert.equal(endingOf(1001, { reason: 'server-shutdown', message: '', reconnect: true }).remedy, 'retry');
  assert.equal(endingOf(4409, { reason: 'replaced', message: '', reconnect: false }).remedy, 'stop');
  assert.equal(endingOf(4403, undefined).remedy, 'stop');
});

test('a token that a restarted server does not know is replaced', () => {
  assert.equal(endingOf(4401, { reason: 'token-bad-signature', message: '', reconnect: false }).remedy, 'fresh-token');
  assert.equal(endingOf(4401, { reason: 'token-wrong-audience', message: '', reconnect: false }).remedy, 'stop');
});

test('a reason of a newer server is told in its own words', () => {
  assert.equal(endingOf(1000, { reason: 'lunch', message: 'The server eats.', reconnect: false }).sentence, 'The server eats.');
});
