import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSample } from '../src/stats.ts';

const received = (timestamp: number, bytesReceived: number, packetsReceived: number, packetsLost: number) => [
  { type: 'inbound-rtp', kind: 'video', id: 'i', codecId: 'c', timestamp, bytesReceived, packetsReceived, packetsLost, jitter: 0.004, frameWidth: 1280, frameHeight: 720, framesPerSecond: 30, framesDecoded: 90, framesDropped: 1 },
  { type: 'codec', id: 'c', mimeType: 'video/VP8' },
  { type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.021 },
];

test('a received track', () => {
  const first = readSample(received(1_000, 0, 0, 0), undefined);
  const second = readSample(received(2_000, 125_000, 95, 5), first);
  assert.equal(first?.stats.bitrate, undefined);
  assert.equal(second?.stats.bitrate, 1_000_000);
  assert.equal(second?.stats.lossPercent, 5);
  assert.equal(second?.stats.rttMs, 21);
  assert.equal(second?.stats.codec, 'VP8');
  assert.equal(second?.stats.frames, 90);
});

test('a sent track takes loss and round trip from the receiver report', () => {
  const report = (timestamp: number, packetsSent: number, packetsLost: number) => [
    { type: 'outbound-rtp', kind: 'audio', timestamp, bytesSent: packetsSent * 100, packetsSent },
    { type: 'remote-inbound-rtp', packetsLost, roundTripTime: 0.05, jitter: 0.002 },
  ];
  const sample = readSample(report(2_000, 100, 10), readSample(report(1_000, 0, 0), undefined));
  assert.equal(sample?.stats.direction, 'sent');
  assert.equal(sample?.stats.lossPercent, 10);
  assert.equal(sample?.stats.rttMs, 50);
});

test('a report without a stream is none', () => assert.equal(readSample([], undefined), undefined));
