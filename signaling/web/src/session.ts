/**
 * One stay in a room over one signaling connection: who is there, what is sent, what is received. When the connection ends, the
 * session is over; `Call` makes the next one.
 */
import { Device } from 'mediasoup-client';
import { Emitter } from './emitter.ts';
import { endingWith, type Ending } from './ending.ts';
import { Heartbeat } from './heartbeat.ts';
import { Link, type Direction } from './link.ts';
import { Publisher } from './publisher.ts';
import { Quality } from './quality.ts';
import { Receiver } from './receiver.ts';
import { Signaling } from './signaling.ts';
import { readClaims, type Claims } from './token.ts';
import type { Devices } from './devices.ts';
import type { JoinAnswer, LeaveReason, Notification, Notifications, ParticipantInfo, ProducerInfo, ServerStats } from './protocol.ts';
import type { Layering, VideoCodec } from './settings.ts';

export interface Participant {
  id: string;
  identity: string;
  name: string;
  producers: Map<string, ProducerInfo>;
}

export interface SessionOptions {
  token: string;
  displayName: string;
  devices: Devices;
  codec: VideoCodec | '';
  layering: Layering;
}

interface SessionEvents {
  changed: void;
  ended: Ending;
  trouble: string;
  joined: Participant;
  left: { participant: Participant; reason: LeaveReason };
  draining: number;
}

export class Session extends Emitter<SessionEvents> {
  readonly participants = new Map<string, Participant>();
  readonly publisher: Publisher;
  readonly receiver: Receiver;
  readonly quality: Quality;
  /** Who speaks, or spoke last, as the server hears it. */
  activeSpeaker: string | undefined;
  readonly claims: Claims;
  /** Some path to the server is broken and being healed. */
  impaired = false;
  readonly #signaling: Signaling;
  readonly #device: Device;
  readonly #links = new Map<Direction, Promise<Link>>();
  readonly #openLinks = new Map<Direction, Link>();
  readonly #impairedLinks = new Set<Direction>();
  readonly #heartbeat: Heartbeat;
  #ended = false;

  private constructor(signaling: Signaling, device: Device, readonly self: JoinAnswer, options: SessionOptions) {
    super();
    this.#signaling = signaling;
    this.#device = device;
    this.claims = readClaims(options.token);
    const onChanged = () => this.emit('changed', undefined);
    const onTrouble = (sentence: string) => this.emit('trouble', sentence);
    this.quality = new Quality(signaling);
    this.activeSpeaker = self.activeSpeaker.participantId ?? undefined;
    this.receiver = new Receiver({ signaling, link: () => this.#link('recv'), onChanged, onTrouble, onClosed: (id) => this.quality.forget(id) });
    this.publisher = new Publisher({
      signaling, devices: options.devices, claims: this.claims, codec: options.codec, layering: options.layering, onChanged, onTrouble,
      sendCodecs: device.sendRtpCapabilities.codecs ?? [],
      link: () => this.#link('send'),
    });
    for (const info of self.participants) this.#add(info);
    // The request that costs least. Its answer does not matter; without one, `Signaling` ends.
    this.#heartbeat = new Heartbeat(() => void signaling.request('getRouterRtpCapabilities', {}).catch(() => undefined));
  }

  static async join(options: SessionOptions): Promise<Session> {
    const signaling = await Signaling.open(options.token);
    // What the server tells between its answer to `join` and the moment the session listens must not be lost.
    const early: Notification[] = [];
    const stopHolding = signaling.on('notification', (notification) => early.push(notification));
    try {
      const device = await Device.factory();
      await device.load({ routerRtpCapabilities: await signaling.request('getRouterRtpCapabilities', {}) });
      const self = await signaling.request('join', { displayName: options.displayName, rtpCapabilities: device.recvRtpCapabilities });
      const session = new Session(signaling, device, self, options);
      stopHolding();
      signaling.on('notification', (notification) => session.#notified(notification));
      signaling.on('ended', (ending) => session.#end(ending));
      for (const notification of early) session.#notified(notification);
      return session;
    } catch (error) {
      signaling.close();
      throw error;
    }
  }

  /** Says goodbye and ends; the answer is not waited for longer than the connection lives. */
  async leave(): Promise<void> {
    this.publisher.close();
    await this.#signaling.request('leave', {}).catch(() => undefined);
    this.close();
  }

  /** What the server counts of this participant; nothing when it does not answer. */
  serverStats(): Promise<ServerStats | undefined> {
    return this.#signaling.request('getStats', {}).catch(() => undefined);
  }

  /** Frees everything. The local tracks stay: they belong to `Devices`. */
  close(): void {
    this.#ended = true;
    this.#heartbeat.stop();
    this.publisher.close();
    this.publisher.producers.clear();
    this.receiver.close();
    this.quality.close();
    this.#signaling.close();
    for (const link of this.#openLinks.values()) link.close();
    this.#openLinks.clear();
  }

  #link(direction: Direction): Promise<Link> {
    const existing = this.#links.get(direction);
    if (existing !== undefined) return existing;
    const link = Link.create(direction, this.#device, this.#signaling, {
      onImpaired: (impaired) => this.#setImpaired(direction, impaired),
      onLost: () => this.#end(endingWith('lost', 'retry')),
    });
    this.#links.set(direction, link);
    // A transport that could not be made is asked for again by the next track that needs it.
    link.then(
      (open) => (this.#ended ? open.close() : this.#openLinks.set(direction, open)),
      () => this.#links.delete(direction),
    );
    return link;
  }

  #setImpaired(direction: Direction, impaired: boolean): void {
    if (impaired) this.#impairedLinks.add(direction);
    else this.#impairedLinks.delete(direction);
    this.impaired = this.#impairedLinks.size > 0;
    this.emit('changed', undefined);
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#heartbeat.stop();
    this.publisher.close();
    this.#signaling.close();
    this.emit('ended', ending);
  }

  readonly #handlers: { [Name in keyof Notifications]: (data: Notifications[Name]) => void } = {
    participantJoined: (info) => this.emit('joined', this.#add(info)),
    participantLeft: ({ participantId, reason }) => this.#remove(participantId, reason),
    newProducer: (info) => this.#published(info),
    producerClosed: ({ producerId, participantId }) => this.#unpublished(producerId, participantId),
    producerPaused: ({ producerId, participantId }) => this.#setPaused(producerId, participantId, true),
    producerResumed: ({ producerId, participantId }) => this.#setPaused(producerId, participantId, false),
    consumerClosed: ({ producerId }) => this.receiver.drop(producerId),
    consumerLayersChanged: (data) => this.quality.layersChanged(data),
    consumerScore: (data) => this.quality.scored(data),
    producerLayersWanted: ({ producerId, encodings }) => this.publisher.encodingsWanted(producerId, encodings),
    activeSpeaker: ({ participantId }) => (this.activeSpeaker = participantId ?? undefined),
    transportState: ({ transportId, state }) => this.#transportState(transportId, state),
    serverDraining: ({ deadlineSeconds }) => this.emit('draining', deadlineSeconds),
    // The signaling connection keeps it as the reason of the close that follows.
    goodbye: () => undefined,
  };

  #notified(notification: Notification): void {
    if (this.#ended) return;
    (this.#handlers[notification.method] as (data: unknown) => void)(notification.data);
    this.emit('changed', undefined);
  }

  #add(info: ParticipantInfo): Participant {
    const participant: Participant = { id: info.participantId, identity: info.identity, name: info.displayName || info.identity, producers: new Map() };
    this.participants.set(participant.id, participant);
    for (const producer of info.producers) this.#published(producer);
    return participant;
  }

  #remove(participantId: string, reason: LeaveReason): void {
    const participant = this.participants.get(participantId);
    if (participant === undefined) return;
    this.participants.delete(participantId);
    for (const producerId of participant.producers.keys()) this.receiver.drop(producerId);
    this.emit('left', { participant, reason });
  }

  #published(info: ProducerInfo): void {
    const participant = this.participants.get(info.participantId);
    if (participant === undefined) return;
    participant.producers.set(info.producerId, info);
    this.receiver.consume(info);
  }

  #unpublished(producerId: string, participantId: string): void {
    this.participants.get(participantId)?.producers.delete(producerId);
    this.receiver.drop(producerId);
  }

  #setPaused(producerId: string, participantId: string, paused: boolean): void {
    const producer = this.participants.get(participantId)?.producers.get(producerId);
    if (producer !== undefined) producer.paused = paused;
  }

  #transportState(transportId: string, state: string): void {
    for (const link of this.#openLinks.values()) if (link.transport.id === transportId) link.serverState(state);
  }
}
