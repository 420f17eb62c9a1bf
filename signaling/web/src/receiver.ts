/**
 * Receives the tracks of others: one consumer a producer, paused at first and resumed once the browser is ready for the keyframe.
 * What fails is undone on both sides and tried again for as long as the producer is there.
 */
import type { types } from 'mediasoup-client';
import { Lanes } from './lanes.ts';
import { patiently } from './patience.ts';
import { Ended, Refused, type Signaling } from './signaling.ts';
import type { Link } from './link.ts';
import type { ConsumerInfo, ProducerInfo } from './protocol.ts';

export interface ReceiverOptions {
  signaling: Pick<Signaling, 'request'>;
  link(): Promise<Link>;
  onChanged(): void;
  /** A consumer is there no more. */
  onClosed(consumerId: string): void;
  onTrouble(sentence: string): void;
}

/**
 * Tracks that are set up at the same time. Higher asks the server for more at once than it answers to one client (429), and the first
 * picture waits for more others; lower renegotiates with the browser more often, so that the last picture of a large room comes later.
 */
const LANES = 16;
/** After a failure. Lower asks a server in trouble more often; higher leaves a tile dark for longer than the trouble lasts. */
const AGAIN_MS = 10_000;
/** When the network carries only some of it, a shared screen goes before the faces beside it. */
const SCREEN_PRIORITY = 20;

export class Receiver {
  /** By the id of the producer. */
  readonly consumers = new Map<string, types.Consumer>();
  readonly #wanted = new Set<string>();
  readonly #lanes = new Lanes(LANES);
  readonly #options: ReceiverOptions;
  #toldNoGrant = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  consume(info: ProducerInfo): void {
    if (this.#wanted.has(info.producerId)) return;
    this.#wanted.add(info.producerId);
    this.#enqueue(info, true);
  }

  /** The producer is gone. */
  drop(producerId: string): void {
    this.#wanted.delete(producerId);
    this.#closeConsumer(producerId);
  }

  close(): void {
    this.#wanted.clear();
    this.#lanes.clear();
    for (const producerId of [...this.consumers.keys()]) this.#closeConsumer(producerId);
  }

  #closeConsumer(producerId: string): void {
    const consumer = this.consumers.get(producerId);
    if (consumer === undefined) return;
    consumer.close();
    this.consumers.delete(producerId);
    this.#options.onClosed(consumer.id);
  }

  #enqueue(info: ProducerInfo, isFirst: boolean): void {
    this.#lanes.run(async () => {
      if (!this.#wanted.has(info.producerId)) return;
      try {
        await this.#receive(info);
      } catch (error) {
        this.#failed(info, isFirst, error);
      }
      this.#options.onChanged();
    });
  }

  async #receive(info: ProducerInfo): Promise<void> {
    const { signaling } = this.#options;
    const [link, answer] = await patiently(async () => {
      const open = await this.#options.link();
      return [open, await signaling.request('consume', { transportId: open.transport.id, producerId: info.producerId, paused: true, ...(info.source === 'screen' && { priority: SCREEN_PRIORITY }) })] as const;
    });
    try {
      await this.#play(link, info, answer);
    } catch (error) {
      this.#closeConsumer(info.producerId);
      // The next attempt makes another one; the server need not send this one until then. It may well be gone there too.
      signaling.request('closeConsumer', { consumerId: answer.id }).catch(() => undefined);
      throw error;
    }
  }

  async #play(link: Link, info: ProducerInfo, answer: ConsumerInfo): Promise<void> {
    const consumer = await link.transport.consume({
      id: answer.id,
      producerId: answer.producerId,
      kind: answer.kind,
      rtpParameters: answer.rtpParameters,
      // Tracks of one stream are played in step: the voice goes with the face, the film's sound with the shared screen.
      streamId: `${info.participantId}-${info.source.startsWith('screen') ? 'screen' : 'person'}`,
      appData: { participantId: info.participantId, source: info.source },
    });
    if (!this.#wanted.has(info.producerId)) return consumer.close();
    this.consumers.set(info.producerId, consumer);
    this.#options.onChanged();
    await patiently(() => this.#options.signaling.request('resumeConsumer', { consumerId: consumer.id }));
  }

  #failed(info: ProducerInfo, isFirst: boolean, error: unknown): void {
    // The producer may end while it is asked for.
    if (!this.#wanted.has(info.producerId)) return;
    if (isFirst) this.#tell(error);
    if (isFinal(error)) this.#wanted.delete(info.producerId);
    else setTimeout(() => this.#enqueue(info, false), AGAIN_MS);
  }

  #tell(error: unknown): void {
    // A lost connection is told by whoever reconnects; that a producer has ended comes as a notification.
    if (error instanceof Ended || (error instanceof Refused && error.error === 'unknown-producer')) return;
    if (error instanceof Refused && error.error === 'no-subscribe-grant') {
      if (!this.#toldNoGrant) this.#options.onTrouble('Your access to this room does not include watching others.');
      this.#toldNoGrant = true;
      return;
    }
    this.#options.onTrouble(error instanceof Error ? error.message : 'A track could not be received.');
  }
}

/** Whether the same question can only get the same answer. */
function isFinal(error: unknown): boolean {
  if (error instanceof Ended) return true;
  if (error instanceof Refused) return error.error === 'unknown-producer' || error.code === 403 || error.code === 422;
  // mediasoup-client: the browser cannot decode it.
  return error instanceof Error && error.name === 'UnsupportedError';
}
