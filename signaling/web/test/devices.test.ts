import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Devices } from '../src/devices.ts';
import { readLaunch } from '../src/settings.ts';

class FakeTrack extends EventTarget {
  enabled = true;
  readyState = 'live';
  contentHint = '';

  constructor(readonly kind: 'audio' | 'video') {
    super();
  }

  stop(): void {
    this.readyState = 'ended';
  }
}

/** Each question of the page, for the test to answer. */
let questions: { kinds: ('audio' | 'video')[]; give(): FakeTrack[]; refuse(name: string): void }[];

function ask(constraints: MediaStreamConstraints): Promise<MediaStream> {
  return new Promise((resolve, reject) => {
    const kinds = (['audio', 'video'] as const).filter((kind) => constraints[kind]);
    questions.push({
      kinds,
      give: () => {
        const tracks = kinds.map((kind) => new FakeTrack(kind));
        resolve({ getTracks: () => tracks } as unknown as MediaStream);
        return tracks;
      },
      refuse: (name) => reject(new DOMException('', name)),
    });
  });
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

function devices(): Devices {
  return new Devices(readLaunch('', null).preferences, 720);
}

beforeEach(() => {
  questions = [];
  const mediaDevices = { addEventListener: () => undefined, enumerateDevices: async () => [], getUserMedia: ask, getDisplayMedia: ask };
  Object.defineProperty(globalThis, 'navigator', { value: { mediaDevices }, configurable: true });
});

test('a second toggle while the browser asks takes the first one back', async () => {
  const own = devices();
  void own.toggle('camera');
  void own.toggle('camera');
  const [track] = questions[0]?.give() ?? [];
  await settled();
  assert.deepEqual([questions.length, track?.readyState, own.isOn('camera')], [1, 'ended', false]);
});

test('the last of many toggles counts, and the browser is asked once', async () => {
  const own = devices();
  for (let toggle = 0; toggle < 3; toggle++) void own.toggle('microphone');
  questions[0]?.give();
  await settled();
  assert.deepEqual([questions.length, own.isOn('microphone'), own.track('microphone')?.enabled], [1, true, true]);
});

test('what is switched off while both are asked for stays off', async () => {
  const own = devices();
  void own.start({ microphone: true, camera: true });
  await settled();
  void own.toggle('camera');
  const [, camera] = questions[0]?.give() ?? [];
  await settled();
  assert.deepEqual([questions.length, own.isOn('microphone'), own.isOn('camera'), camera?.readyState], [1, true, false, 'ended']);
});

test('without a camera the microphone is asked for alone', async () => {
  const own = devices();
  const troubles: string[] = [];
  own.on('trouble', (sentence) => troubles.push(sentence));
  void own.start({ microphone: true, camera: true });
  await settled();
  questions[0]?.refuse('NotFoundError');
  await settled();
  questions[1]?.give();
  await settled();
  questions[2]?.refuse('NotFoundError');
  await settled();
  assert.deepEqual(questions.map(({ kinds }) => kinds.join()), ['audio,video', 'audio', 'video']);
  assert.deepEqual([own.isOn('microphone'), own.isOn('camera'), troubles.length], [true, false, 1]);
});

test('what the browser gives after the call is closed again', async () => {
  const own = devices();
  void own.startScreen();
  void own.startScreen();
  void own.toggle('camera');
  own.stopAll();
  const tracks = questions.flatMap(({ give }) => give());
  await settled();
  assert.equal(questions.length, 2);
  assert.ok(tracks.every(({ readyState }) => readyState === 'ended'));
  assert.deepEqual([own.isOn('screen'), own.isOn('camera')], [false, false]);
});

test('the end of an earlier screen does not end the next one', async () => {
  const own = devices();
  void own.startScreen();
  const [first] = questions[0]?.give() ?? [];
  await settled();
  own.stopScreen();
  void own.startScreen();
  questions[1]?.give();
  await settled();
  first?.dispatchEvent(new Event('ended'));
  assert.equal(own.isOn('screen'), true);
});
