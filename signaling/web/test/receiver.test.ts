import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Receiver, type ReceiverOptions } from '../src/receiver.ts';
import { Refused } from '../src/signaling.ts';
import type { Method, ProducerInfo } from '../src/protocol.ts';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

interface Room {
  receiver: Receiver;
  /** Method and the id that it is about. */
  asked: string[];
  troubles: string[];
  /** What to answer; a rejection by default stands for nothing. */
  refuse(method: Method, id: string): Error | undefined;
  refusePlay(): Error | undefined;
  closed: string[];
  held: (() => void)[] | undefined;
}

function room(): Room {
  const made: Omit<Room, 'receiver'> = { asked: [], troubles: [], refuse: () => undefined, refusePlay: () => undefined, closed: [], held: undefined };
  const request = async (method: Method, data: { producerId?: string; consumerId?: string }) => {
    const id = data.producerId ?? data.consumerId ?? '';
    made.asked.push(`${method} ${id}`);
    if (made.held !== undefined) await new Promise<void>((resolve) => made.held?.push(resolve));
    const error = made.refuse(method, id);
    if (error !== undefined) throw error;
    return { id: `c-${id}`, producerId: id, kind: 'video', rtpParameters: {} };
  };
  const consume = async ({ id }: { id: string }) => {
    const error = made.refusePlay();
    if (error !== undefined) throw error;
    return { id, close: () => made.closed.push(id) };
  };
  const options = { signaling: { request }, link: async () => ({ transport: { id: 't', consume } }), onChanged: () => undefined, onClosed: () => undefined, onTrouble: (sentence: string) => made.troubles.push(sentence) };
  return Object.assign(made, { receiver: new Receiver(options as unknown as ReceiverOptions) });
}

function producer(producerId: string): ProducerInfo {
  return { producerId, participantId: 'ada', kind: 'video', source: 'camera', paused: false };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

/** Lets the waits of `patiently` pass. */
async function loseTime(ms: number): Promise<void> {
  await settled();
  for (let passed = 0; passed < ms; passed += 100) {
    mock.timers.tick(100);
    await settled();
  }
}

test('a track is asked for, played, and only then resumed', async () => {
  const { receiver, asked } = room();
  receiver.consume(producer('p'));
  receiver.consume(producer('p'));
  await settled();
  assert.deepEqual(asked, ['consume p', 'resumeConsumer c-p']);
  assert.deepEqual([...receiver.consumers.keys()], ['p']);
});

test('a large room is entered sixteen tracks at a time, and what ends meanwhile is not asked for', async () => {
  const made = room();
  made.held = [];
  for (let index = 0; index < 40; index++) made.receiver.consume(producer(`p${index}`));
  await settled();
  assert.equal(made.asked.length, 16);
  made.receiver.drop('p16');
  while (made.held.length > 0) {
    for (const release of made.held.splice(0)) release();
    await settled();
    assert.ok(made.held.length <= 16);
  }
  assert.equal(made.receiver.consumers.size, 39);
  assert.ok(!made.asked.includes('consume p16'));
});

test('a refusal to go on is undone on both sides, told once, and tried again', async () => {
  const made = room();
  made.refuse = (method) => (method === 'resumeConsumer' ? new Refused(method, 503, 'busy', 'try again') : undefined);
  made.receiver.consume(producer('p'));
  await loseTime(4_300);
  assert.equal(made.asked.at(-1), 'closeConsumer c-p');
  assert.deepEqual([made.receiver.consumers.size, made.closed, made.troubles], [0, ['c-p'], ['try again']]);
  await loseTime(14_300);
  assert.equal(made.troubles.length, 1);
  made.refuse = () => undefined;
  await loseTime(10_000);
  assert.equal(made.receiver.consumers.size, 1);
});

test('what the browser cannot play is closed on the server and not asked for again', async () => {
  const made = room();
  made.refusePlay = () => Object.assign(new Error('no such codec'), { name: 'UnsupportedError' });
  made.receiver.consume(producer('p'));
  await loseTime(30_000);
  assert.deepEqual(made.asked, ['consume p', 'closeConsumer c-p']);
  assert.deepEqual(made.troubles, ['no such codec']);
});

test('only a producer that is gone goes without a word', async () => {
  const made = room();
  made.refuse = (method, id) => new Refused(method, 404, id === 'gone' ? 'unknown-producer' : 'unknown-transport', id);
  made.receiver.consume(producer('gone'));
  made.receiver.consume(producer('kept'));
  await loseTime(10_000);
  assert.deepEqual(made.troubles, ['kept']);
  assert.deepEqual(made.asked.filter((one) => one === 'consume gone').length, 1);
  assert.deepEqual(made.asked.filter((one) => one === 'consume kept').length, 2);
});

test('after the end nothing is asked', async () => {
  const made = room();
  made.refuse = (method) => new Refused(method, 404, 'unknown-transport', '');
  made.receiver.consume(producer('p'));
  await settled();
  made.receiver.close();
  await loseTime(30_000);
  assert.equal(made.asked.length, 1);
});
