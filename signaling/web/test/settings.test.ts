import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLaunch, withoutToken } from '../src/settings.ts';
import { DemoTokens, readClaims } from '../src/token.ts';

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

test('a token leaves the address and nothing else does; a reload finds it', () => {
  assert.equal(withoutToken('https://a.example/?room=r&token=x.y.z&cam=0#top'), 'https://a.example/?room=r&cam=0#top');
  assert.equal(readLaunch('?room=r', null, { token: 'kept' }).token, 'kept');
  assert.equal(readLaunch('?token=new', null, { token: 'kept' }).token, 'new');
  for (const kept of [null, undefined, 7, 'text', { token: 7 }]) assert.equal(readLaunch('', null, kept).token, undefined);
});

test('a renewed demo token is asked for with the identity of the one before', async (context) => {
  const asked: unknown[] = [];
  context.mock.method(globalThis, 'fetch', async (_address: string, init: RequestInit) => {
    asked.push(JSON.parse(String(init.body)));
    const payload = Buffer.from(JSON.stringify({ sub: 'ada-1', exp: 4_000_000_000 })).toString('base64url');
    return Response.json({ token: `x.${payload}.y`, identity: 'ada-1' });
  });
  const tokens = new DemoTokens('blue', 'Ada');
  await tokens.token();
  await tokens.token();
  tokens.refused();
  await tokens.token();
  assert.deepEqual(asked, [{ room: 'blue', name: 'Ada' }, { room: 'blue', name: 'Ada', identity: 'ada-1' }]);
});
