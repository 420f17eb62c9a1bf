import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeRequest } from '../src/protocol.ts';

test('a request has the envelope of the protocol', () => {
  assert.deepEqual(JSON.parse(encodeRequest(17, 'pauseProducer', { producerId: 'p' })), { request: true, id: 17, method: 'pauseProducer', data: { producerId: 'p' } });
});

test('an answer, good or refused', () => {
  assert.deepEqual(decodeMessage('{"response":true,"id":3,"ok":true}'), { type: 'answer', id: 3, outcome: { ok: true, data: {} } });
  assert.deepEqual(decodeMessage('{"response":true,"id":3,"ok":false,"errorCode":403,"error":"no-publish-grant","errorReason":"Ask."}'), {
    type: 'answer', id: 3, outcome: { ok: false, code: 403, error: 'no-publish-grant', reason: 'Ask.' },
  });
});

test('a known notification is read, an unknown one is none', () => {
  assert.deepEqual(decodeMessage('{"notification":true,"method":"participantLeft","data":{"participantId":"a","reason":"left"}}'), {
    type: 'notification', method: 'participantLeft', data: { participantId: 'a', reason: 'left' },
  });
  assert.equal(decodeMessage('{"notification":true,"method":"weather","data":{}}'), undefined);
});

test('what is no message is none', () => {
  for (const text of ['', 'null', '[]', '17', '"text"', '{', '{}', '{"response":true,"id":"3","ok":true}', new ArrayBuffer(2)]) assert.equal(decodeMessage(text), undefined);
});
