/** Receives the tracks of others: one consumer a producer, paused at first and resumed once the browser is ready for the keyframe. */
import type { types } from 'mediasoup-client';
import { Refused, type Signaling } from './signaling.ts';
import type { Link } from './link.ts';
import type { ProducerInfo } from './protocol.ts';

export interface ReceiverOptions {
  signaling: Signaling;
  link(): Promise<Link>;
  onChanged(): void;
  onTrouble(sentence: string): void;
}

/** Waits between attempts when the server asks for patience (429, 503); together they span the burst of a join into a full room. */
const PATIENCE_MS: readonly number[] = [300, 1_000, 3_000];

export class Receiver {
  /** By the id of the producer. */
  readonly consumers = new Map<string, types.Consumer>();
  readonly #wanted = new Set<string>();
  readonly #options: ReceiverOptions;
  #toldTrouble = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  async consume(info: ProducerInfo): Promise<void> {
    if (this.#wanted.has(info.producerId)) return;
    this.#wanted.add(info.producerId);
    try {
      await this.#consume(info);
    } catch (error) {
      if (this.#wanted.delete(info.producerId)) this.#trouble(error);
    }
    this.#options.onChanged();
  }

  /** The producer is gone. */
  drop(producerId: string): void {
    this.#wanted.delete(producerId);
    this.consumers.get(producerId)?.close();
    this.consumers.delete(producerId);
  }

  close(): void {
    this.#wanted.clear();
    for (const consumer of this.consumers.values()) consumer.close();
    this.consumers.clear();
  }

  async #consume(info: ProducerInfo): Promise<void> {
    const { signaling } = this.#options;
    const link = await this.#options.link();
    const answer = await patiently(() => signaling.request('consume', { transportId: link.transport.id, producerId: info.producerId, paused: true }));
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
    await patiently(() => signaling.request('resumeConsumer', { consumerId: consumer.id }));
  }

  #trouble(error: unknown): void {
    // The producer may end while it is asked for, and a lost connection is told by whoever reconnects.
    if (error instanceof Refused && error.code === 404) return;
    if (error instanceof Error && error.name === 'Ended') return;
    if (error instanceof Refused && error.error === 'no-subscribe-grant') {
      if (!this.#toldTrouble) this.#options.onTrouble('Your access to this room does not include watching others.');
      this.#toldTrouble = true;
      return;
    }
    this.#options.onTrouble(error instanceof Error ? error.message : 'A track could not be received. Reload the page.');
  }
}

async function patiently<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
  for (const waitMs of PATIENCE_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Refused) || (error.code !== 429 && error.code !== 503)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return attempt();
}
