/** The page before a call: see yourself, choose devices, say who you are and which room. */
import type { Devices, Input } from '../devices.ts';
import type { Layering, Preferences, VideoCodec } from '../settings.ts';
import { LevelMeter } from '../speaker.ts';
import { readClaims } from '../token.ts';
import { h, setAttribute, setText } from './dom.ts';
import { swapIcon } from './icon.ts';
import { hueOf, initialsOf } from './tileview.ts';
import { wordmark } from './wordmark.ts';

export interface LobbyOptions {
  devices: Devices;
  preferences: Preferences;
  token: string | undefined;
  /** The server mints no tokens: one has to be pasted. */
  needsToken: boolean;
  message: string | undefined;
  onJoin(token: string | undefined): void;
  onPreferences(): void;
}

const METER_EVERY_MS = 100;
const CODECS: readonly (readonly [VideoCodec | '', string])[] = [['', 'Automatic'], ['vp8', 'VP8'], ['vp9', 'VP9'], ['h264', 'H.264'], ['av1', 'AV1']];

const LAYERINGS: readonly (readonly [Layering, string])[] = [['simulcast', 'Three sizes (simulcast)'], ['svc', 'Layers in one stream (SVC: VP9, AV1)'], ['one', 'One size']];

export class Lobby {
  readonly element: HTMLElement;
  readonly #options: LobbyOptions;
  readonly #video = h('video', { class: 'preview__video', playsinline: true, autoplay: true, testid: 'preview', 'aria-label': 'Your camera' });
  readonly #initials = h('span', { class: 'avatar__initials', 'aria-hidden': 'true' });
  readonly #cameraText = h('p', { class: 'preview__text' });
  readonly #preview: HTMLElement;
  readonly #meter = h('span', { class: 'preview__level', 'aria-hidden': 'true' });
  readonly #microphone = h('button', { class: 'control', type: 'button', testid: 'toggle-microphone', onclick: () => void this.#toggle('microphone') });
  readonly #camera = h('button', { class: 'control', type: 'button', testid: 'toggle-camera', onclick: () => void this.#toggle('camera') });
  readonly #name = h('input', { id: 'name', testid: 'name', maxlength: '128', autocomplete: 'name', required: true, placeholder: 'Ada Lovelace', spellcheck: 'false' });
  readonly #room = h('input', { id: 'room', testid: 'room', maxlength: '128', autocomplete: 'off', required: true, placeholder: 'weekly-planning', spellcheck: 'false', autocapitalize: 'none' });
  readonly #token = h('input', { id: 'token', testid: 'token', autocomplete: 'off', spellcheck: 'false', placeholder: 'eyJ…' });
  readonly #selects: Record<Input | 'speaker', HTMLSelectElement>;
  readonly #error = h('p', { class: 'form__error', role: 'alert', testid: 'lobby-error', hidden: true });
  readonly #unsubscribe: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #level: { track: MediaStreamTrack; meter: LevelMeter } | undefined;

  constructor(options: LobbyOptions) {
    this.#options = options;
    const { devices, preferences } = options;
    this.#video.muted = true;
    this.#selects = { microphone: this.#select('microphone'), camera: this.#select('camera'), speaker: this.#select('speaker') };
    this.#preview = h('div', { class: 'preview' },
      h('div', { class: 'avatar' }, this.#initials, this.#cameraText), this.#video,
      h('div', { class: 'preview__controls' }, h('span', { class: 'preview__microphone' }, this.#microphone, this.#meter), this.#camera));
    this.#video.addEventListener('loadeddata', () => this.#preview.classList.add('preview--live'));
    this.element = h('div', { class: 'lobby', testid: 'lobby' },
      h('header', { class: 'lobby__header' }, wordmark()),
      h('main', { class: 'lobby__main' }, h('section', { class: 'lobby__preview', 'aria-label': 'Your camera and microphone' }, this.#preview, this.#deviceRow()), this.#form()));
    this.#name.value = preferences.name;
    this.#room.value = preferences.room;
    this.#name.addEventListener('input', () => this.#draw());
    this.#unsubscribe = [devices.on('changed', () => this.#draw()), devices.on('listed', () => this.#draw()), devices.on('trouble', (sentence) => this.#tell(sentence))];
    this.#timer = setInterval(() => this.#readLevel(), METER_EVERY_MS);
    if (options.message !== undefined) this.#tell(options.message);
    this.#draw();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#level?.meter.close();
    this.#level = undefined;
    this.#video.srcObject = null;
    this.element.remove();
  }

  #form(): HTMLElement {
    const { token, needsToken } = this.#options;
    const codec = h('select', { id: 'codec', testid: 'codec' }, ...CODECS.map(([value, label]) => h('option', { value }, label)));
    codec.value = this.#options.preferences.codec;
    codec.addEventListener('change', () => (this.#options.preferences.codec = codec.value as VideoCodec | ''));
    const layering = h('select', { id: 'layering', testid: 'layering' }, ...LAYERINGS.map(([value, label]) => h('option', { value }, label)));
    layering.value = this.#options.preferences.layering;
    layering.addEventListener('change', () => (this.#options.preferences.layering = layering.value as Layering));
    const tokenField = field('token', 'Access token', this.#token, 'From the service that invited you. It names you and the room.');
    if (token !== undefined) this.#showClaims(token);
    const more = h('details', { class: 'more' }, h('summary', {}, 'More options'), field('codec', 'Video codec', codec), field('layering', 'Sizes of your picture', layering, 'Each viewer is sent the one that fits.'), needsToken || token !== undefined ? undefined : tokenField);
    const form = h('form', { class: 'form', novalidate: true },
      h('h1', { class: 'form__title' }, 'Ready to join?'),
      h('p', { class: 'form__lead' }, token === undefined ? 'No account and no download. Whoever opens the same room is in the call.' : 'You were invited to this room. Check how you look and sound, then go in.'),
      field('name', 'Your name', this.#name), field('room', 'Room', this.#room), needsToken && token === undefined ? tokenField : undefined,
      this.#error, h('button', { class: 'primary', type: 'submit', testid: 'join' }, 'Join call'), more);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    return form;
  }

  /** A token says which room and who: both are shown and cannot be another. */
  #showClaims(token: string): void {
    const { room, name } = readClaims(token);
    if (room !== undefined) {
      this.#options.preferences.room = room;
      this.#room.readOnly = true;
    }
    if (name !== undefined && this.#options.preferences.name === '') this.#options.preferences.name = name;
  }

  #submit(): void {
    const { preferences, onPreferences, onJoin, needsToken } = this.#options;
    const token = this.#options.token ?? (this.#token.value.trim() || undefined);
    preferences.name = this.#name.value.trim();
    preferences.room = this.#room.value.trim();
    if (preferences.name === '') return this.#complain(this.#name, 'Enter the name that the others shall see.');
    if (needsToken && token === undefined) return this.#complain(this.#token, 'Paste the access token that you were given.');
    if (preferences.room === '' && token === undefined) return this.#complain(this.#room, 'Enter the name of a room. It is made when the first one joins.');
    onPreferences();
    onJoin(token);
  }

  #complain(input: HTMLInputElement, sentence: string): void {
    this.#tell(sentence);
    input.setAttribute('aria-invalid', 'true');
    input.addEventListener('input', () => input.removeAttribute('aria-invalid'), { once: true });
    input.focus();
  }

  #tell(sentence: string): void {
    this.#error.hidden = false;
    setText(this.#error, sentence);
  }

  #deviceRow(): HTMLElement {
    const { microphone, camera, speaker } = this.#selects;
    return h('div', { class: 'devices' }, field('microphone-select', 'Microphone', microphone), field('camera-select', 'Camera', camera), field('speaker-select', 'Speaker', speaker));
  }

  #select(kind: Input | 'speaker'): HTMLSelectElement {
    const select = h('select', { id: `${kind}-select`, testid: `${kind}-select` });
    select.addEventListener('change', () => {
      const { devices, preferences, onPreferences } = this.#options;
      if (kind === 'speaker') preferences.speakerId = select.value;
      else void devices.choose(kind, select.value);
      onPreferences();
    });
    return select;
  }

  async #toggle(input: Input): Promise<void> {
    const { devices, preferences, onPreferences } = this.#options;
    await devices.toggle(input);
    preferences[input] = devices.isOn(input);
    onPreferences();
  }

  #draw(): void {
    const { devices, preferences } = this.#options;
    if (this.#name.value === '' && document.activeElement !== this.#name) this.#name.value = preferences.name;
    if (this.#room.readOnly) this.#room.value = preferences.room;
    this.#drawToggle(this.#microphone, 'microphone');
    this.#drawToggle(this.#camera, 'camera');
    this.#drawVideo(devices.isOn('camera') ? devices.track('camera') : undefined);
    setText(this.#initials, initialsOf(this.#name.value));
    setText(this.#cameraText, this.#cameraWords());
    setAttribute(this.#preview, 'data-hue', String(hueOf(this.#name.value)));
    fill(this.#selects.microphone, devices.lists.microphones, devices.track('microphone')?.getSettings().deviceId ?? preferences.microphoneId);
    fill(this.#selects.camera, devices.lists.cameras, devices.track('camera')?.getSettings().deviceId ?? preferences.cameraId);
    fill(this.#selects.speaker, devices.lists.speakers, preferences.speakerId);
  }

  #cameraWords(): string {
    const { devices } = this.#options;
    if (!devices.isForbidden('camera')) return 'Your camera is off';
    return devices.isForbidden('microphone') ? 'Your access is for watching and listening' : 'Your access does not include a camera';
  }

  #drawToggle(control: HTMLButtonElement, input: Input): void {
    const on = this.#options.devices.isOn(input);
    control.disabled = this.#options.devices.isForbidden(input);
    swapIcon(control, on ? input : `${input}-off`);
    control.classList.toggle('control--off', !on && !control.disabled);
    setAttribute(control, 'aria-pressed', String(on));
    setAttribute(control, 'aria-label', `Turn the ${input} ${on ? 'off' : 'on'}`);
    setAttribute(control, 'title', `Turn the ${input} ${on ? 'off' : 'on'}`);
  }

  #drawVideo(track: MediaStreamTrack | undefined): void {
    const shown = this.#video.srcObject instanceof MediaStream ? this.#video.srcObject.getTracks()[0] : undefined;
    if (shown === track) return;
    this.#preview.classList.remove('preview--live');
    this.#video.srcObject = track === undefined ? null : new MediaStream([track]);
  }

  #readLevel(): void {
    const { devices } = this.#options;
    const track = devices.isOn('microphone') ? devices.track('microphone') : undefined;
    if (this.#level?.track !== track) {
      this.#level?.meter.close();
      this.#level = track && { track, meter: new LevelMeter(track) };
    }
    // The ear hears ratios: the root spreads quiet speech over the ring.
    const level = Math.min(1, Math.sqrt((this.#level?.meter.level() ?? 0) * 4));
    this.#meter.style.transform = `scale(${1 + level * 0.32})`;
    this.#meter.style.opacity = String(level === 0 ? 0 : 0.25 + level * 0.6);
  }
}

function field(id: string, label: string, control: HTMLElement, hint?: string): HTMLElement {
  if (hint !== undefined) control.setAttribute('aria-describedby', `${id}-hint`);
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, hint === undefined ? undefined : h('p', { class: 'field__hint', id: `${id}-hint` }, hint));
}

/** Rebuilds a list only when it is another one: a list that is open must not close under the hand. */
function fill(select: HTMLSelectElement, devices: readonly MediaDeviceInfo[], chosen: string): void {
  const key = devices.map(({ deviceId, label }) => `${deviceId} ${label}`).join('\n');
  if (select.dataset['key'] !== key) {
    select.dataset['key'] = key;
    const options = devices.map(({ deviceId, label }, index) => h('option', { value: deviceId }, label || `Device ${index + 1}`));
    select.replaceChildren(...(options.length > 0 ? options : [h('option', { value: '' }, 'System default')]));
  }
  select.disabled = devices.length === 0;
  if (devices.some(({ deviceId }) => deviceId === chosen)) select.value = chosen;
}
