/**
 * The call view with invented participants, to work on its look without a server: /dev/fixture.html?count=5&screen=1&stats=1.
 * Not part of the build.
 */
import '../src/styles.css';
import type { Call } from '../src/call.ts';
import { Devices } from '../src/devices.ts';
import { Emitter } from '../src/emitter.ts';
import { readLaunch } from '../src/settings.ts';
import { CallView } from '../src/ui/callview.ts';

const NAMES = ['Amara Okafor', 'Jonas Lindqvist', 'Mei-Ling Chen', 'Łukasz Wójcik', 'Priya Raman', 'Tomás Herrera', 'Yuki', 'Fatima Al-Sayed', 'Noah Becker', 'Inès Moreau', 'Sam', 'Oluwaseun Adeyemi-Richardson'];
const query = new URLSearchParams(location.search);
const count = Number(query.get('count') ?? 4);
const devices = new Devices(readLaunch('', null).preferences, 720);

/** A moving picture that costs little and looks like a room with somebody in it. */
function picture(seed: number, width: number, height: number, screen = false): MediaStreamTrack {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  const draw = () => {
    if (context === null) return;
    const gradient = context.createLinearGradient(0, 0, width, height);
    gradient.addColorStop(0, screen ? '#f4f6fa' : `hsl(${seed * 47} 32% 34%)`);
    gradient.addColorStop(1, screen ? '#dfe5ee' : `hsl(${seed * 47 + 40} 38% 18%)`);
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);
    if (screen) {
      context.fillStyle = '#2b3340';
      for (let line = 0; line < 14; line++) context.fillRect(90, 110 + line * 40, 300 + ((line * 197) % 700), 12);
      return;
    }
    const sway = Math.sin(Date.now() / 900 + seed) * 6;
    context.fillStyle = `hsl(${25 + seed * 3} 38% ${40 + (seed % 4) * 8}%)`;
    context.beginPath();
    context.ellipse(width / 2 + sway, height * 0.42, height * 0.16, height * 0.21, 0, 0, 7);
    context.fill();
    context.fillStyle = `hsl(${seed * 80 + 180} 28% 44%)`;
    context.beginPath();
    context.ellipse(width / 2 + sway / 2, height * 1.02, height * 0.38, height * 0.36, 0, 0, 7);
    context.fill();
  };
  draw();
  setInterval(draw, 100);
  const [track] = canvas.captureStream(10).getVideoTracks();
  if (track === undefined) throw new Error('a canvas has a track');
  return track;
}

function silence(): MediaStreamTrack | undefined {
  return new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
}

const participants = new Map();
const consumers = new Map();
function consume(participantId: string, source: string, kind: string, track: MediaStreamTrack | undefined, index: number) {
  const producerId = `${participantId}-${source}`;
  const getStats = () => Promise.resolve(new Map<string, unknown>([
    ['i', { type: 'inbound-rtp', kind, codecId: 'c', timestamp: Date.now(), bytesReceived: Date.now() % 1e9 * (kind === 'audio' ? 4 : 160), packetsReceived: Date.now() % 1e8, packetsLost: index, jitter: 0.0038, frameWidth: 1280, frameHeight: 720, framesPerSecond: 30, framesDecoded: 2310 + index, framesDropped: index }],
    ['c', { type: 'codec', id: 'c', mimeType: kind === 'audio' ? 'audio/opus' : 'video/VP9' }],
    ['p', { type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.018 }],
  ]));
  const speaking = query.get('speaker') === String(index);
  const rtpReceiver = { getSynchronizationSources: () => [{ audioLevel: speaking ? 0.2 : 0 }] };
  consumers.set(producerId, { id: producerId, producerId, kind, track, appData: { participantId, source }, rtpReceiver, getStats });
  return [producerId, { producerId, participantId, kind, source, paused: false }] as const;
}

for (let index = 1; index < count; index++) {
  const id = `p${index}`;
  const producers = new Map();
  const cameraOff = index % 4 === 3;
  if (!cameraOff) producers.set(...consume(id, 'camera', 'video', index === 6 ? undefined : picture(index, 640, 360), index));
  const [producerId, microphone] = consume(id, 'microphone', 'audio', silence(), index);
  producers.set(producerId, { ...microphone, paused: index % 3 === 2 });
  if (query.has('screen') && index === 1) producers.set(...consume(id, 'screen', 'video', picture(0, 1600, 900, true), index));
  participants.set(id, { id, identity: id, name: NAMES[(index - 1) % NAMES.length], producers });
}

class FixtureCall extends Emitter<object> {
  state = query.get('state') ?? 'connected';
  devices = devices;
  trouble = this.state === 'reconnecting' ? { title: 'The server is restarting', sentence: 'The call goes on as soon as it is back.' } : undefined;
  drainsAtMs = query.has('draining') ? Date.now() + 240_000 : undefined;
  session = {
    self: { participantId: 'self', room: 'weekly-planning' }, impaired: false, claims: {}, participants,
    publisher: { producers: new Map(), wanted: () => undefined }, receiver: { consumers }, quality: { choice: () => 'auto', received: () => undefined, show: () => undefined, choose: () => undefined }, activeSpeaker: undefined, serverStats: () => Promise.resolve(undefined),
  };
  leave() {}
}

const call = new FixtureCall();
const view = new CallView({ call: call as unknown as Call, name: 'Clara Weiss', room: 'weekly-planning', onSpeaker: () => undefined, onPreferences: () => undefined });
document.querySelector('#app')?.append(view.element);
void devices.start({ microphone: true, camera: query.get('cam') !== '0' });
if (query.has('stats')) document.querySelector<HTMLElement>('[data-testid=toggle-stats]')?.click();
if (query.has('notice')) view.notices.show('The camera is blocked. Allow it in the browser’s address bar, then switch it on here.', 'trouble');
