/**
 * Sends the local tracks: compares what `Devices` holds with what the server has, source by source, and closes the difference. There
 * is no "start" and "stop" to get out of step: after a reconnect the same comparison publishes everything again.
 */
import type { types } from 'mediasoup-client';
import { patiently } from './patience.ts';
import type { Signaling } from './signaling.ts';
import type { Devices } from './devices.ts';
import type { Link } from './link.ts';
import { grantOf, type Claims } from './token.ts';
import type { Source } from './protocol.ts';
import { activate, codecFor, videoEncodings } from './encodings.ts';
import type { Layering, VideoCodec } from './settings.ts';

export const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen', 'screen-audio'];

/** kbit/s at which the sender begins; the browser's own 300 gives a blurred first second. */
const START_KBPS = 1_000;

export interface PublisherOptions {
  signaling: Pick<Signaling, 'request'>;
  devices: Devices;
  claims: Claims;
  sendCodecs: readonly types.RtpCodecCapability[];
  codec: VideoCodec | '';
  layering: Layering;
  /** Made on first use: who only watches has no sending transport. */
  link(): Promise<Link>;
  onChanged(): void;
  onTrouble(sentence: string): void;
}

export class Publisher {
  readonly producers = new Map<Source, types.Producer>();
  readonly #options: PublisherOptions;
  readonly #queues = new Map<Source, Promise<void>>();
  /** Whether the server has each producer as paused. Without an entry that is not known: a request about it failed. */
  readonly #toldPaused = new Map<types.Producer, boolean>();
  /** By the id of the producer: which encodings anybody receives. It may be told before the producer is known here. */
  readonly #wanted = new Map<string, readonly boolean[]>();
  readonly #unsubscribe: () => void;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#unsubscribe = options.devices.on('changed', (source) => this.#schedule(source));
    for (const source of SOURCES) if (options.devices.isOn(source)) this.#schedule(source);
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
  }

  /** The server says which encodings of a producer anybody receives: the others cost the uplink and the processor for nothing. */
  encodingsWanted(producerId: string, encodings: readonly boolean[]): void {
    this.#wanted.set(producerId, encodings);
    for (const [source, producer] of this.producers) if (producer.id === producerId) this.#schedule(source);
  }

  /** What was last told of a producer's encodings. */
  wanted(producerId: string): readonly boolean[] | undefined {
    return this.#wanted.get(producerId);
  }

  /** One change of a source after the other: a quick off-on-off must end as off. */
  #schedule(source: Source): void {
    const before = this.#queues.get(source) ?? Promise.resolve();
    const next = before.then(() => this.#settle(source)).catch((error: unknown) => this.#trouble(source, error));
    this.#queues.set(source, next);
  }

  async #settle(source: Source): Promise<void> {
    if (this.#closed) return;
    const track = this.#options.devices.track(source);
    const producer = this.producers.get(source);
    if (producer === undefined) {
      if (track !== undefined && this.#options.devices.isOn(source)) await this.#produce(source, track);
    } else if (track === undefined && source !== 'camera' && source !== 'microphone') {
      await this.#unpublish(source, producer);
    } else {
      await this.#update(source, producer, track ?? null);
    }
    this.#options.onChanged();
  }

  async #produce(source: Source, track: MediaStreamTrack): Promise<void> {
    const { claims } = this.#options;
    if (claims.publish !== undefined && !claims.publish.has(grantOf(source))) throw new Error(`Your access to this room does not include sending ${nameOf(source)}.`);
    const link = await patiently(() => this.#options.link());
    // Stopped while the transport was made: that change is the next in the queue.
    if (track.readyState === 'ended') return;
    const producer = await link.transport.produce({
      ...this.#encoding(source),
      track,
      streamId: source.startsWith('screen') ? 'screen' : 'person',
      stopTracks: false,
      appData: { source },
    });
    this.producers.set(source, producer);
    this.#toldPaused.set(producer, false);
    // The source may have changed while the server answered, before the producer was there to compare with.
    this.#schedule(source);
  }

  async #unpublish(source: Source, producer: types.Producer): Promise<void> {
    this.producers.delete(source);
    this.#toldPaused.delete(producer);
    this.#wanted.delete(producer.id);
    producer.close();
    await patiently(() => this.#options.signaling.request('closeProducer', { producerId: producer.id }));
  }

  async #update(source: Source, producer: types.Producer, track: MediaStreamTrack | null): Promise<void> {
    if (producer.track !== track) await producer.replaceTrack({ track });
    await this.#activate(producer);
    // Asked only here: `resume` enables the track, and whoever muted meanwhile must stay unheard.
    if (this.#options.devices.isOn(source)) producer.resume();
    else producer.pause();
    await this.#tell(producer);
  }

  async #activate(producer: types.Producer): Promise<void> {
    const [wanted, sender] = [this.#wanted.get(producer.id), producer.rtpSender];
    if (wanted === undefined || sender === undefined || producer.kind !== 'video') return;
    const parameters = sender.getParameters();
    const mimeType = producer.rtpParameters.codecs[0]?.mimeType ?? '';
    if (activate(parameters.encodings, wanted, mimeType)) await sender.setParameters(parameters);
  }

  /** The local state holds whatever the server answers; a request that failed is repeated at the next change. */
  async #tell(producer: types.Producer): Promise<void> {
    const { paused } = producer;
    if (this.#toldPaused.get(producer) === paused) return;
    this.#toldPaused.delete(producer);
    await patiently(() => this.#options.signaling.request(paused ? 'pauseProducer' : 'resumeProducer', { producerId: producer.id }));
    this.#toldPaused.set(producer, paused);
  }

  #encoding(source: Source): types.ProducerOptions {
    // Without `opusNack` the library takes repair out of what the server offers.
    if (source === 'microphone') return { codecOptions: { opusDtx: true, opusFec: true, opusNack: true } };
    if (source === 'screen-audio') return { codecOptions: { opusStereo: true, opusFec: true, opusNack: true } };
    const { layering } = this.#options;
    const codec = this.#codec();
    const encodings = videoEncodings(source, layering, codecFor(layering, this.#options.codec));
    return { encodings, codecOptions: { videoGoogleStartBitrate: START_KBPS }, ...(codec && { codec }) };
  }

  #codec(): types.RtpCodecCapability | undefined {
    const { sendCodecs } = this.#options;
    const codec = codecFor(this.#options.layering, this.#options.codec);
    if (codec === '') return undefined;
    const found = sendCodecs.find(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}`);
    if (found === undefined) throw new Error(`This browser and this server do not share the video codec ${codec.toUpperCase()}. Choose another one and join again.`);
    return found;
  }

  #trouble(source: Source, error: unknown): void {
    // A connection that ended is told by whoever reconnects.
    if (this.#closed || (error instanceof Error && error.name === 'Ended')) return;
    const detail = error instanceof Error ? error.message : '';
    this.#options.onTrouble(detail === '' ? `Sending ${nameOf(source)} failed. Switch it off and on again.` : detail);
    this.#options.onChanged();
  }
}

function nameOf(source: Source): string {
  if (source === 'screen-audio') return 'the sound of the screen';
  return source === 'screen' ? 'a screen' : `${source === 'camera' ? 'a' : 'the'} ${source}`;
}
