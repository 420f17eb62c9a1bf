import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activate, codecFor, videoEncodings } from '../src/encodings.ts';

test('a camera is three sizes, the smallest first', () => {
  const encodings = videoEncodings('camera', 'simulcast', 'vp8');
  assert.deepEqual(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [4, 2, 1]);
  const bitrates = encodings.map(({ maxBitrate }) => maxBitrate ?? 0);
  assert.deepEqual(bitrates, [...bitrates].sort((a, b) => a - b));
  assert.ok(encodings.every(({ scalabilityMode }) => scalabilityMode === 'L1T2'));
});

test('layers in one stream are for codecs that have them', () => {
  assert.equal(codecFor('svc', ''), 'vp9');
  assert.equal(codecFor('svc', 'h264'), 'h264');
  assert.equal(codecFor('simulcast', ''), '');
  assert.deepEqual(videoEncodings('camera', 'svc', 'av1').map(({ scalabilityMode }) => scalabilityMode), ['L3T3_KEY']);
  assert.equal(videoEncodings('camera', 'svc', 'h264').length, 3);
  assert.equal(videoEncodings('camera', 'one', 'vp8').length, 1);
  assert.equal(videoEncodings('screen', 'simulcast', 'vp8').length, 1);
});

test('encodings that nobody receives are switched off, and on again', () => {
  const encodings: RTCRtpEncodingParameters[] = [{ active: true }, {}, { active: true }];
  assert.equal(activate(encodings, [true, true, true], 'video/VP8'), false);
  assert.equal(activate(encodings, [true, false, false], 'video/VP8'), true);
  assert.deepEqual(encodings.map(({ active }) => active), [true, false, false]);
  assert.equal(activate(encodings, [true, false], 'video/VP8'), false, 'what is not told of stays');
  assert.equal(activate(encodings, [false, true, true], 'video/VP8'), true);
  assert.deepEqual(encodings.map(({ active }) => active), [false, true, true]);
});

test('where one switch stops all, they are switched together', () => {
  const encodings: RTCRtpEncodingParameters[] = [{ active: true }, { active: true }];
  assert.equal(activate(encodings, [true, false], 'video/VP9'), false);
  assert.equal(activate(encodings, [false, false], 'video/VP9'), true);
  assert.equal(activate(encodings, [false, true], 'video/AV1'), true);
  assert.deepEqual(encodings.map(({ active }) => active), [true, true]);
});
