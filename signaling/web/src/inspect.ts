/** `window.corelay`: the state of the page, read-only, for tests and for people who look into the console. */
import type { Call, CallState } from './call.ts';
import type { Ending } from './ending.ts';
import type { Kind, ServerStats, Source } from './protocol.ts';
import type { Choice, Received } from './quality.ts';
import { StatsReader, type TrackReport } from './statsreader.ts';

export interface InspectedTrack {
  id: string;
  producerId: string;
  participantId: string;
  kind: Kind;
  source: Source;
  paused: boolean;
  codec: string | undefined;
  track: MediaStreamTrack | null;
  /** What the server says of a received video: its layers and why. */
  received?: Received | undefined;
  /** Of a sent video: which encodings are sent. */
  active?: boolean[] | undefined;
}

export interface InspectedParticipant {
  participantId: string;
  identity: string;
  displayName: string;
  producers: { producerId: string; kind: Kind; source: Source; paused: boolean }[];
}

export interface Inspector {
  readonly state: 'lobby' | CallState;
  readonly room: string | undefined;
  readonly participantId: string | undefined;
  readonly identity: string | undefined;
  /** Everybody else. */
  readonly participants: InspectedParticipant[];
  readonly producers: InspectedTrack[];
  readonly consumers: InspectedTrack[];
  /** The participant who is highlighted as the one who speaks. */
  readonly speaker: string | undefined;
  readonly ending: Ending | undefined;
  /** How often this page joined since the call began: 1 at first, one more for each reconnect. */
  readonly joins: number;
  /** Rates are those since the call of `stats()` before. */
  stats(): Promise<TrackReport[]>;
  /** What the server counts of this participant. */
  serverStats(): Promise<ServerStats | undefined>;
  /** As the menu of a tile does. */
  choose(consumerId: string, choice: Choice): void;
}

declare global {
  interface Window {
    corelay: Inspector;
  }
}

/** What the page tells the inspector. */
export interface Inspected {
  call: Call | undefined;
  speaker: string | undefined;
  ending: Ending | undefined;
}

export function expose(page: Inspected): void {
  const reader = new StatsReader();
  const session = () => page.call?.session;
  window.corelay = {
    get state() { return page.call?.state ?? 'lobby'; },
    get room() { return session()?.self.room; },
    get participantId() { return session()?.self.participantId; },
    get identity() { return session()?.self.identity; },
    get participants() { return participantsOf(page.call); },
    get producers() { return producersOf(page.call); },
    get consumers() { return consumersOf(page.call); },
    get speaker() { return page.speaker; },
    get ending() { return page.ending; },
    get joins() { return page.call?.joins ?? 0; },
    stats: () => reader.read(session()),
    serverStats: async () => session()?.serverStats(),
    choose: (consumerId, choice) => session()?.quality.choose(consumerId, choice),
  };
}

function participantsOf(call: Call | undefined): InspectedParticipant[] {
  return [...(call?.session?.participants.values() ?? [])].map(({ id, identity, name, producers }) => ({
    participantId: id, identity, displayName: name,
    producers: [...producers.values()].map(({ producerId, kind, source, paused }) => ({ producerId, kind, source, paused })),
  }));
}

function producersOf(call: Call | undefined): InspectedTrack[] {
  const participantId = call?.session?.self.participantId ?? '';
  return [...(call?.session?.publisher.producers ?? [])].map(([source, producer]) => ({
    id: producer.id, producerId: producer.id, participantId, kind: producer.kind, source, paused: producer.paused,
    codec: producer.rtpParameters.codecs[0]?.mimeType, track: producer.track,
    active: producer.rtpSender?.getParameters().encodings.map((encoding) => encoding.active ?? true),
  }));
}

function consumersOf(call: Call | undefined): InspectedTrack[] {
  return [...(call?.session?.receiver.consumers.values() ?? [])].map((consumer) => {
    const { participantId, source } = consumer.appData as { participantId: string; source: Source };
    const paused = call?.session?.participants.get(participantId)?.producers.get(consumer.producerId)?.paused ?? false;
    return { id: consumer.id, producerId: consumer.producerId, participantId, kind: consumer.kind, source, paused, codec: consumer.rtpParameters.codecs[0]?.mimeType, track: consumer.track, received: call?.session?.quality.received(consumer.id) };
  });
}
