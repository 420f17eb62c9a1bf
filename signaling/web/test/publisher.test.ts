import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Publisher, type PublisherOptions } from '../src/publisher.ts';
import { Refused } from '../src/signaling.ts';
import type { Source } from '../src/protocol.ts';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

/** One source that a test switches, and a server that answers when the test lets it. */
function studio(source: Source) {
  const made = { asked: [] as string[], troubles: [] as string[], refusals: 0, release: (): void => undefined };
  const track = { enabled: true, readyState: 'live' };
  let on = true;
  let changed: (source: Source) => void = () => undefined;
  const devices = {
    track: () => (on || source === 'microphone' ? track : undefined),
    isOn: (asked: Source) => asked === source && on,
    on: (_name: string, listener: (source: Source) => void) => {
      changed = listener;
      return () => undefined;
    },
  };
  const sender = { encodings: [{ active: true }, { active: true }], set: 0 };
  const producer = {
    id: 'p', kind: 'video', track: track as unknown, paused: false, closed: false, rtpParameters: { codecs: [{ mimeType: 'video/VP8' }] },
    pause: () => (producer.paused = true),
    resume: () => (producer.paused = false),
    close: () => (producer.closed = true),
    rtpSender: {
      getParameters: () => ({ encodings: sender.encodings.map((encoding) => ({ ...encoding })) }),
      setParameters: async ({ encodings }: { encodings: { active: boolean }[] }) => {
        sender.encodings = encodings;
        sender.set++;
      },
    },
    replaceTrack: async (options: { track: unknown }) => void (producer.track = options.track),
  };
  const produce = async () => {
    made.asked.push('produce');
    await new Promise<void>((resolve) => (made.release = resolve));
    // As mediasoup-client does.
    producer.paused = !track.enabled;
    return producer;
  };
  const request = async (method: string) => {
    made.asked.push(method);
    if (made.refusals-- > 0) throw new Refused('pauseProducer', 503, 'busy', 'try again');
    return {};
  };
  const turn = (next: boolean) => {
    on = next;
    track.enabled = next;
    changed(source);
  };
  const options = {
    signaling: { request }, devices, claims: { publish: undefined }, sendCodecs: [], codec: '', layering: 'one',
    link: async () => ({ transport: { produce } }), onChanged: () => undefined, onTrouble: (sentence: string) => made.troubles.push(sentence),
  };
  const publisher = new Publisher(options as unknown as PublisherOptions);
  return { made, publisher, producer, sender, track, turn };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

test('who mutes while the server answers is muted on the server', async () => {
  const { made, turn } = studio('microphone');
  await settled();
  turn(false);
  made.release();
  await settled();
  assert.deepEqual(made.asked, ['produce', 'pauseProducer']);
});

test('a quick off-on-off ends as off, a quick off-on asks for nothing', async () => {
  const { made, turn, producer } = studio('camera');
  await settled();
  turn(false);
  turn(true);
  made.release();
  await settled();
  assert.deepEqual(made.asked, ['produce']);
  for (const next of [false, true, false]) turn(next);
  await settled();
  assert.deepEqual([made.asked.at(-1), producer.paused, producer.track], ['pauseProducer', true, null]);
});

test('a screen that ends while the server answers is closed there', async () => {
  const { made, turn, publisher, producer } = studio('screen');
  await settled();
  turn(false);
  made.release();
  await settled();
  assert.deepEqual([made.asked, producer.closed, publisher.producers.size], [['produce', 'closeProducer'], true, 0]);
});

test('a pause that the server refuses holds here, and is told again', async () => {
  const { made, turn, producer } = studio('microphone');
  await settled();
  made.release();
  await settled();
  made.refusals = 4;
  turn(false);
  for (let tick = 0; tick < 50; tick++) {
    await settled();
    mock.timers.tick(100);
  }
  await settled();
  assert.deepEqual([producer.paused, made.troubles], [true, ['try again']]);
  turn(false);
  await settled();
  assert.equal(made.asked.filter((method) => method === 'pauseProducer').length, 5);
});

test('what nobody receives is not sent, whenever that is told', async () => {
  const { made, publisher, sender } = studio('camera');
  await settled();
  publisher.encodingsWanted('p', [true, false]);
  publisher.encodingsWanted('another', [false, false]);
  made.release();
  await settled();
  assert.deepEqual([sender.encodings, sender.set], [[{ active: true }, { active: false }], 1]);
  publisher.encodingsWanted('p', [true, false]);
  publisher.encodingsWanted('p', [true, true]);
  await settled();
  assert.deepEqual([sender.encodings, sender.set], [[{ active: true }, { active: true }], 2]);
});
