/** What the grid shows: one tile a person, one more a shared screen. Built anew from the call at each change; the view compares. */
import type { Call } from './call.ts';
import type { Participant } from './session.ts';
import type { ProducerInfo, Source } from './protocol.ts';
import type { Choice } from './quality.ts';

export interface Tile {
  key: string;
  participantId: string;
  name: string;
  local: boolean;
  source: 'camera' | 'screen';
  producerId: string | undefined;
  /** Present where a video of another is received. */
  consumerId: string | undefined;
  /** What is wished of it in its menu. */
  choice: Choice;
  /** Present when there is a picture to show. */
  track: MediaStreamTrack | undefined;
  /** A picture is announced but not here yet. */
  awaited: boolean;
  microphoneOn: boolean;
}

export interface Voice {
  participantId: string;
  producerId: string;
  source: Source;
  track: MediaStreamTrack;
}

export function tilesOf(call: Call, ownName: string): Tile[] {
  const { session } = call;
  const others = [...(session?.participants.values() ?? [])];
  return [...ownTiles(call, ownName), ...others.flatMap((participant) => tilesOfOther(call, participant))];
}

/** What has to be played, of everybody else. */
export function voicesOf(call: Call): Voice[] {
  const consumers = [...(call.session?.receiver.consumers.values() ?? [])].filter(({ kind }) => kind === 'audio');
  return consumers.map((consumer) => {
    const { participantId, source } = consumer.appData as { participantId: string; source: Source };
    return { participantId, producerId: consumer.producerId, source, track: consumer.track };
  });
}

function ownTiles(call: Call, name: string): Tile[] {
  const { devices, session } = call;
  const participantId = session?.self.participantId ?? '';
  const own = (source: 'camera' | 'screen'): Tile => ({
    key: `self:${source}`, participantId, name, local: true, source,
    producerId: session?.publisher.producers.get(source)?.id,
    consumerId: undefined,
    choice: 'auto',
    track: devices.isOn(source) ? devices.track(source) : undefined,
    awaited: false,
    microphoneOn: devices.isOn('microphone'),
  });
  return devices.isOn('screen') ? [own('screen'), own('camera')] : [own('camera')];
}

function tilesOfOther(call: Call, participant: Participant): Tile[] {
  const producers = [...participant.producers.values()];
  const microphone = producers.find(({ source }) => source === 'microphone');
  const microphoneOn = microphone !== undefined && !microphone.paused;
  const tile = (key: string, source: 'camera' | 'screen', producer: ProducerInfo | undefined): Tile => {
    const consumer = producer && call.session?.receiver.consumers.get(producer.producerId);
    const shown = producer !== undefined && !producer.paused;
    return {
      key, source, participantId: participant.id, name: participant.name, local: false, producerId: producer?.producerId,
      consumerId: consumer?.id,
      choice: (consumer && call.session?.quality.choice(consumer.id)) ?? 'auto',
      track: shown ? consumer?.track : undefined,
      awaited: shown,
      microphoneOn,
    };
  };
  const screens = producers.filter(({ source }) => source === 'screen');
  const camera = producers.find(({ source }) => source === 'camera');
  return [...screens.map((screen) => tile(screen.producerId, 'screen', screen)), tile(`${participant.id}:camera`, 'camera', camera)];
}
