// Simulcast of Firefox, in a network namespace: see firefox.test.mjs.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { runInNamespace } from './harness/namespace.mjs';

test('Firefox sends three sizes, and each can be chosen', { timeout: 180_000 }, async () => {
  assert.equal(await runInNamespace(path.join(import.meta.dirname, 'firefox_layers.mjs')), 0);
});
