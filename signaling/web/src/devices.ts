/**
 * The microphone, the camera and the screen of this participant. It owns the local tracks: they live through reconnects, and nobody
 * else stops them. A camera that is off is released, so that its light goes out; a microphone that is muted is kept, so that
 * unmuting is instant.
 */
import { Emitter } from './emitter.ts';
import type { Preferences } from './settings.ts';
import type { Source } from './protocol.ts';

export type Input = 'microphone' | 'camera';

export interface DeviceLists {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

interface DevicesEvents {
  /** The track or the state of a source is another one. */
  changed: Source;
  /** The list of devices is another one. */
  listed: DeviceLists;
  /** A sentence for the person in front of the page. */
  trouble: string;
}

export class Devices extends Emitter<DevicesEvents> {
  lists: DeviceLists = { microphones: [], cameras: [], speakers: [] };
  readonly #tracks = new Map<Source, MediaStreamTrack>();
  /** What was asked for last. It leads: the track may still be on its way. */
  readonly #on: Record<Input, boolean> = { microphone: false, camera: false };
  /** What the browser was asked for and has not answered; of this epoch only. */
  readonly #opening = new Map<Input, Promise<void>>();
  #isPickingScreen = false;
  readonly #forbidden = new Set<Input>();
  readonly #cameraHeight: number;
  /** Counts the calls of `stopAll`. */
  #epoch = 0;
  readonly preferences: Preferences;

  constructor(preferences: Preferences, cameraHeight: number) {
    super();
    this.preferences = preferences;
    this.#cameraHeight = cameraHeight;
    // Absent where the page is not served from a secure origin.
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.list());
  }

  track(source: Source): MediaStreamTrack | undefined {
    return this.#tracks.get(source);
  }

  /** Whether the source is to be heard or seen by others. */
  isOn(source: Source): boolean {
    if (source === 'microphone' || source === 'camera') return this.#on[source] && this.#tracks.has(source);
    return this.#tracks.has(source);
  }

  /** Whether the access token excludes the input; then it is never opened. */
  isForbidden(input: Input): boolean {
    return this.#forbidden.has(input);
  }

  /** Releases what the access token does not allow: a camera light without a picture that anyone gets would be a lie. */
  restrict(allowed: (input: Input) => boolean): void {
    this.#forbidden.clear();
    for (const input of ['microphone', 'camera'] as const) {
      if (allowed(input)) continue;
      this.#forbidden.add(input);
      this.#on[input] = false;
      this.#drop(input);
      this.emit('changed', input);
    }
  }

  /** Switches on what is wanted. Asks once for both where possible: one question of the browser, not two. */
  async start(wanted: Record<Input, boolean>): Promise<void> {
    // A remembered device is asked for only when it is there.
    const epoch = this.#epoch;
    await this.list();
    if (epoch !== this.#epoch) return;
    const inputs = (['microphone', 'camera'] as const).filter((input) => wanted[input] && !this.isOn(input) && !this.isForbidden(input));
    for (const input of inputs) this.#on[input] = true;
    if (inputs.length === 2 && this.#opening.size === 0) await this.#openOnce(inputs, () => this.#openBoth());
    // After a failure of both this asks for each alone, so that the other one works and the message names the right one.
    for (const input of inputs) if (epoch === this.#epoch && this.#on[input] && !this.isOn(input)) await this.turnOn(input);
  }

  /** While the browser is still asked, the second toggle takes the first one back. */
  async toggle(input: Input): Promise<void> {
    if (this.#on[input]) this.turnOff(input);
    else await this.turnOn(input);
  }

  async turnOn(input: Input): Promise<void> {
    if (this.isForbidden(input)) return;
    this.#on[input] = true;
    const kept = this.#tracks.get(input);
    if (kept?.readyState !== 'live') return this.#openOnce([input], () => this.#open(input));
    kept.enabled = true;
    this.emit('changed', input);
  }

  turnOff(input: Input): void {
    this.#on[input] = false;
    const track = this.#tracks.get(input);
    // Silent from this instant on, whatever the connection to the server is doing.
    if (track !== undefined) track.enabled = false;
    if (input === 'camera') this.#drop('camera');
    this.emit('changed', input);
  }

  /** Uses another device from here on; the camera's or microphone's on-or-off state stays. */
  async choose(input: Input, deviceId: string): Promise<void> {
    this.preferences[input === 'camera' ? 'cameraId' : 'microphoneId'] = deviceId;
    if (!this.#tracks.has(input)) return;
    // Some systems open a device only once: let the old one go first.
    this.#drop(input);
    await this.#openOnce([input], () => this.#open(input));
  }

  async startScreen(): Promise<void> {
    if (this.#isPickingScreen) return;
    this.#isPickingScreen = true;
    try {
      const stream = await this.#inEpoch(() => navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: true }));
      for (const track of stream.getTracks()) this.#adoptScreen(track.kind === 'video' ? 'screen' : 'screen-audio', track);
    } catch (error) {
      // The picker was closed: that is a choice and no trouble.
      const isChoice = error instanceof DOMException && error.name === 'NotAllowedError';
      if (!isChoice && !isAbandoned(error)) this.emit('trouble', 'The screen could not be shared. Try another window or the whole screen.');
    } finally {
      this.#isPickingScreen = false;
    }
  }

  stopScreen(): void {
    for (const source of ['screen', 'screen-audio'] as const) {
      if (!this.#drop(source)) continue;
      this.emit('changed', source);
    }
  }

  stopAll(): void {
    this.#epoch++;
    this.#opening.clear();
    this.stopScreen();
    for (const input of ['microphone', 'camera'] as const) {
      this.#on[input] = false;
      if (this.#drop(input)) this.emit('changed', input);
    }
  }

  /** Reads the list of devices. Their names are empty until the page was allowed to use one. */
  async list(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== '');
    this.lists = { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
    this.emit('listed', this.lists);
  }

  /** The browser is asked once at a time for an input; what was asked for meanwhile counts when the answer is there. */
  #openOnce(inputs: readonly Input[], open: () => Promise<void>): Promise<void> {
    const already = inputs.map((input) => this.#opening.get(input)).find((opening) => opening !== undefined);
    if (already !== undefined) return already;
    const opening: Promise<void> = open().finally(() => {
      for (const input of inputs) if (this.#opening.get(input) === opening) this.#opening.delete(input);
    });
    for (const input of inputs) this.#opening.set(input, opening);
    return opening;
  }

  async #open(input: Input): Promise<void> {
    try {
      const constraints = this.#constraints(input);
      const stream = await this.#capture(input === 'camera' ? { video: constraints } : { audio: constraints });
      const [track] = stream.getTracks();
      if (track === undefined) throw new DOMException('', 'NotFoundError');
      this.#adopt(input, track);
      // Only this page's permission gives the devices their names.
      void this.list();
    } catch (error) {
      // What another epoch wants is not this one's to take back.
      if (isAbandoned(error)) return;
      this.#on[input] = false;
      this.emit('trouble', troubleOf(input, error));
      this.emit('changed', input);
    }
  }

  /** Does nothing when one of the two is missing or refused. */
  async #openBoth(): Promise<void> {
    const stream = await this.#capture({ audio: this.#constraints('microphone'), video: this.#constraints('camera') }).catch(() => undefined);
    if (stream === undefined) return;
    for (const track of stream.getTracks()) this.#adopt(track.kind === 'audio' ? 'microphone' : 'camera', track);
    void this.list();
  }

  async #capture(constraints: MediaStreamConstraints): Promise<MediaStream> {
    if (navigator.mediaDevices === undefined) throw new DOMException('', 'SecurityError');
    return this.#inEpoch(() => navigator.mediaDevices.getUserMedia(constraints));
  }

  /** Asks the browser; what it gives after `stopAll` is closed again, or camera and screen would be captured after the call. */
  async #inEpoch(ask: () => Promise<MediaStream>): Promise<MediaStream> {
    const epoch = this.#epoch;
    const stream = await ask().catch((error: unknown) => {
      throw epoch === this.#epoch ? error : new DOMException('', 'AbortError');
    });
    if (epoch === this.#epoch) return stream;
    for (const track of stream.getTracks()) track.stop();
    throw new DOMException('', 'AbortError');
  }

  #adopt(input: Input, track: MediaStreamTrack): void {
    this.#drop(input);
    const on = this.#on[input];
    // Switched off or forbidden while the browser was asked.
    if (this.isForbidden(input) || (input === 'camera' && !on)) return track.stop();
    track.enabled = on;
    this.#tracks.set(input, track);
    if (input === 'camera') track.contentHint = 'motion';
    track.addEventListener('ended', () => this.#unplugged(input, track));
    this.emit('changed', input);
  }

  #adoptScreen(source: 'screen' | 'screen-audio', track: MediaStreamTrack): void {
    this.#drop(source);
    // Text has to stay sharp: the encoder lowers the frame rate first, not the resolution.
    if (source === 'screen') track.contentHint = 'detail';
    this.#tracks.set(source, track);
    track.addEventListener('ended', () => {
      if (this.#tracks.get(source) === track) this.stopScreen();
    });
    this.emit('changed', source);
  }

  #unplugged(input: Input, track: MediaStreamTrack): void {
    if (this.#tracks.get(input) !== track) return;
    this.#tracks.delete(input);
    this.#on[input] = false;
    this.emit('changed', input);
    this.emit('trouble', `The ${input} was disconnected. Choose another one from the menu beside its button.`);
  }

  #drop(source: Source): boolean {
    const track = this.#tracks.get(source);
    // Out of the map first: `ended` listeners must not take it for an unplugged device.
    this.#tracks.delete(source);
    track?.stop();
    return track !== undefined;
  }

  #constraints(input: Input): MediaTrackConstraints {
    const deviceId = input === 'camera' ? this.preferences.cameraId : this.preferences.microphoneId;
    // `exact`: with `ideal` Chromium may give another one although the chosen one is there.
    const isListed = [...this.lists.cameras, ...this.lists.microphones].some((listed) => listed.deviceId === deviceId);
    const device: MediaTrackConstraints = isListed ? { deviceId: { exact: deviceId } } : {};
    if (input === 'microphone') return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const height = this.#cameraHeight;
    return { ...device, width: { ideal: Math.round((height * 16) / 9) }, height: { ideal: height }, frameRate: { ideal: 30 } };
  }
}

function isAbandoned(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function troubleOf(input: Input, error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return `The ${input} is blocked. Allow it in the browser’s address bar, then switch it on here.`;
  if (name === 'NotFoundError') return `No ${input} was found. You can still see and hear the others.`;
  if (name === 'NotReadableError') return `The ${input} is in use by another program. Close that one, then switch it on here.`;
  if (name === 'SecurityError') return `Browsers give access to the ${input} only over https or on this machine’s own address (localhost).`;
  return `The ${input} could not be started. Choose another one from the menu beside its button.`;
}
