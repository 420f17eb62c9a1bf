import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLaunch } from '../src/settings.ts';
import { readClaims } from '../src/token.ts';

test('the address wins over what is remembered', () => {
  const launch = readLaunch('?room=blue&cam=0&autojoin=1&video=AV1', JSON.stringify({ room: 'red', name: 'Ada', camera: true }));
  assert.equal(launch.preferences.room, 'blue');
  assert.equal(launch.preferences.name, 'Ada');
  assert.equal(launch.preferences.camera, false);
  assert.equal(launch.preferences.codec, 'av1');
  assert.equal(launch.autojoin, true);
});

test('broken memory and unknown codecs are ignored', () => {
  for (const stored of [null, '{', '17', 'null', '{"name":5,"camera":"yes"}']) {
    const { preferences } = readLaunch('?video=mpeg1', stored);
    assert.deepEqual([preferences.name, preferences.camera, preferences.codec], ['', true, '']);
  }
});

test('the claims of a token are read, also from what is no token', () => {
  const payload = Buffer.from(JSON.stringify({ sub: 'u1', room: 'Zoë', exp: 2, publish: ['audio'] })).toString('base64url');
  const claims = readClaims(`x.${payload}.y`);
  assert.equal(claims.room, 'Zoë');
  assert.equal(claims.expiresAtMs, 2_000);
  assert.deepEqual([...(claims.publish ?? [])], ['audio']);
  assert.equal(readClaims('nonsense').publish, undefined);
});
