/** The page during a call: header, banner, tiles, controls. Draws itself anew when the call has changed, once for all changes of a turn. */
import type { Call } from '../call.ts';
import { grantOf } from '../token.ts';
import { LevelMeter, receivedLevel, SpeakerTracker } from '../speaker.ts';
import { StatsReader, type TrackReport } from '../statsreader.ts';
import { tilesOf, voicesOf, type Tile } from '../tile.ts';
import { AudioSink } from './audiosink.ts';
import { Controls } from './controls.ts';
import { h, setAttribute, setText } from './dom.ts';
import { Grid } from './grid.ts';
import { icon } from './icon.ts';
import { Notices } from './notices.ts';
import { StatsPanel } from './statspanel.ts';
import { rowsOf, type Given } from './statsrows.ts';
import type { ServerStats } from '../protocol.ts';
import type { Size } from '../layout.ts';

/** Higher follows a conversation late; lower costs processor time on every page of the call. */
const LEVELS_EVERY_MS = 200;
const STATS_EVERY_MS = 1_000;
const CLOCK_EVERY_MS = 1_000;

export interface CallViewOptions {
  call: Call;
  name: string;
  room: string;
  onSpeaker(participantId: string | undefined): void;
  onPreferences(): void;
}

export class CallView {
  readonly element: HTMLElement;
  readonly notices = new Notices();
  readonly #options: CallViewOptions;
  readonly #grid = new Grid({
    onPlaced: ({ consumerId }, rect) => this.#shown(consumerId, rect),
    onChoice: ({ consumerId }, choice) => consumerId !== undefined && this.#options.call.session?.quality.choose(consumerId, choice),
  });
  readonly #panel = new StatsPanel();
  readonly #sink: AudioSink;
  readonly #controls: Controls;
  readonly #connection = h('span', { class: 'connection', role: 'status', testid: 'connection' });
  readonly #count = h('span', { class: 'header__count', testid: 'participant-count' });
  readonly #clock = h('span', { class: 'header__clock', testid: 'clock', role: 'timer', 'aria-live': 'off' });
  readonly #room = h('h1', { class: 'header__room', testid: 'room-name' });
  readonly #banner = h('div', { class: 'banner', role: 'alert', testid: 'banner', hidden: true });
  readonly #hear: HTMLButtonElement;
  readonly #alone: HTMLElement;
  readonly #speakers = new SpeakerTracker();
  readonly #stats = new StatsReader();
  readonly #unsubscribe: (() => void)[];
  readonly #timers: ReturnType<typeof setInterval>[];
  readonly #startedAtMs = Date.now();
  #meter: { track: MediaStreamTrack; meter: LevelMeter } | undefined;
  #statsShown = false;
  #drawPlanned = false;

  constructor(options: CallViewOptions) {
    this.#options = options;
    const { call } = options;
    this.#sink = new AudioSink(call.devices.preferences.speakerId, (blocked) => (this.#hear.hidden = !blocked));
    this.#hear = h('button', { class: 'hear', type: 'button', hidden: true, testid: 'hear', onclick: () => this.#sink.unblock() }, icon('speaker'), 'Click to hear the others');
    this.#controls = new Controls({
      devices: call.devices,
      allowed: (source) => this.#allowed(source),
      onSpeaker: (speakerId) => this.#chooseSpeaker(speakerId),
      onPreferences: options.onPreferences,
      onStats: () => this.#toggleStats(),
      onLeave: () => void call.leave(),
    });
    this.#alone = this.#aloneHint();
    const stage = h('main', { class: 'stage' }, this.#grid.element, this.#alone, this.#hear, this.#panel.element);
    this.element = h('div', { class: 'call', testid: 'call' }, this.#header(), this.#banner, stage, this.#controls.element, this.#sink.element, this.notices.element);
    this.#unsubscribe = [
      call.on('changed', () => this.#planDraw()),
      call.on('notice', ({ sentence, tone }) => this.notices.show(sentence, tone)),
      call.devices.on('changed', () => this.#planDraw()),
      call.devices.on('trouble', (sentence) => this.notices.show(sentence, 'trouble')),
    ];
    this.#timers = [
      setInterval(() => this.#readLevels(), LEVELS_EVERY_MS),
      setInterval(() => void this.#readStats(), STATS_EVERY_MS),
      setInterval(() => this.#drawStatus(), CLOCK_EVERY_MS),
    ];
    this.#draw();
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const timer of this.#timers) clearInterval(timer);
    this.#meter?.meter.close();
    this.#meter = undefined;
    this.#controls.close();
    this.#grid.close();
    this.#sink.close();
    this.element.remove();
  }

  #header(): HTMLElement {
    const copy = h('button', { class: 'ghost', type: 'button', testid: 'copy-link', onclick: () => void this.#copyLink() }, icon('link'), h('span', { class: 'ghost__text' }, 'Copy link'));
    const mark = h('img', { class: 'header__mark', src: '/logo.svg', alt: 'Corelay', width: '26', height: '26' });
    return h('header', { class: 'header' },
      h('div', { class: 'header__side' }, mark, this.#room, copy),
      h('div', { class: 'header__side header__side--end' }, this.#clock, h('span', { class: 'header__people' }, icon('people'), this.#count), this.#connection));
  }

  #aloneHint(): HTMLElement {
    const copy = h('button', { class: 'secondary', type: 'button', onclick: () => void this.#copyLink() }, icon('link'), 'Copy link');
    return h('aside', { class: 'alone', testid: 'alone', hidden: true },
      h('div', {}, h('p', { class: 'alone__title' }, 'You are the first one here'), h('p', { class: 'alone__text' }, 'Send the link to the people you want to talk to.')), copy);
  }

  #planDraw(): void {
    if (this.#drawPlanned) return;
    this.#drawPlanned = true;
    // Not an animation frame: a hidden page has none, and the voice of a newcomer must be heard there too.
    setTimeout(() => {
      this.#drawPlanned = false;
      if (this.element.isConnected) this.#draw();
    });
  }

  #draw(): void {
    const { call, name } = this.#options;
    this.#grid.update(tilesOf(call, name));
    this.#sink.update(voicesOf(call));
    this.#controls.update(this.#statsShown);
    this.#drawStatus();
  }

  #drawStatus(): void {
    const { call, room } = this.#options;
    const others = call.session?.participants.size ?? 0;
    setText(this.#room, call.session?.self.room ?? room);
    setText(this.#count, String(others + 1));
    setAttribute(this.#count, 'aria-label', others === 0 ? 'One participant' : `${others + 1} participants`);
    setText(this.#clock, clock(Date.now() - this.#startedAtMs));
    const { state, words } = connectionOf(call);
    setAttribute(this.#connection, 'data-state', state);
    setText(this.#connection, words);
    this.#alone.hidden = others > 0 || call.state !== 'connected' || call.devices.isOn('screen');
    this.#drawBanner();
  }

  #drawBanner(): void {
    const banner = bannerOf(this.#options.call);
    this.#banner.hidden = banner === undefined;
    setAttribute(this.#banner, 'data-tone', banner?.tone);
    setText(this.#banner, banner?.words ?? '');
  }

  #allowed(source: 'microphone' | 'camera' | 'screen'): boolean {
    const publish = this.#options.call.session?.claims.publish;
    return publish === undefined || publish.has(grantOf(source));
  }

  #chooseSpeaker(speakerId: string): void {
    this.#options.call.devices.preferences.speakerId = speakerId;
    this.#sink.setSpeaker(speakerId);
    this.#options.onPreferences();
  }

  async #copyLink(): Promise<void> {
    const url = new URL(location.pathname, location.href);
    url.searchParams.set('room', this.#options.call.session?.self.room ?? this.#options.room);
    try {
      await navigator.clipboard.writeText(url.href);
      this.notices.show('Link copied', 'info');
    } catch {
      this.notices.show(`The link could not be copied. It is ${url.href}`, 'trouble');
    }
  }

  #readLevels(): void {
    const { call, onSpeaker } = this.#options;
    const ownId = call.session?.self.participantId ?? '';
    const levels = new Map([[ownId, this.#ownLevel()]]);
    for (const id of call.session?.participants.keys() ?? []) levels.set(id, 0);
    for (const consumer of call.session?.receiver.consumers.values() ?? []) {
      const { participantId } = consumer.appData as { participantId: string };
      if (consumer.kind === 'audio' && levels.has(participantId)) levels.set(participantId, Math.max(levels.get(participantId) ?? 0, receivedLevel(consumer.rtpReceiver)));
    }
    // The server hears everybody, also whom it does not forward; before it has heard anybody the page listens for itself.
    const heard = this.#speakers.update(Date.now(), levels);
    const told = call.session?.activeSpeaker;
    const speaker = told !== undefined && levels.has(told) ? told : heard;
    onSpeaker(speaker);
    const alone = levels.size === 1;
    for (const [tile, view] of this.#grid.entries()) view.setSpeaking(!alone && isSpeaking(tile, speaker));
  }

  #ownLevel(): number {
    const { devices } = this.#options.call;
    const track = devices.isOn('microphone') ? devices.track('microphone') : undefined;
    if (this.#meter?.track !== track) {
      this.#meter?.meter.close();
      this.#meter = track && { track, meter: new LevelMeter(track) };
    }
    return this.#meter?.meter.level() ?? 0;
  }

  #shown(consumerId: string | undefined, { width, height }: Size): void {
    if (consumerId !== undefined) this.#options.call.session?.quality.show(consumerId, { width: width * devicePixelRatio, height: height * devicePixelRatio });
  }

  #given({ consumerId }: Tile, stats: ServerStats | undefined): Given | undefined {
    if (consumerId === undefined) return undefined;
    const [counted, told] = [givenOf(stats, consumerId), this.#options.call.session?.quality.received(consumerId)];
    if (counted === undefined && told === undefined) return undefined;
    const producerScore = told?.producerScore;
    return { nacked: 0, resent: 0, ...(counted ?? told), ...(producerScore !== undefined && { producerScore }) };
  }

  #toggleStats(): void {
    this.#statsShown = !this.#statsShown;
    this.element.classList.toggle('call--stats', this.#statsShown);
    this.#draw();
    void this.#readStats();
  }

  async #readStats(): Promise<void> {
    if (!this.#statsShown) return;
    const { session } = this.#options.call;
    const [reports, stats] = await Promise.all([this.#stats.read(session), session?.serverStats()]);
    for (const [tile, view] of this.#grid.entries()) view.setStats(rowsOf(reports.filter((report) => belongsTo(report, tile)), this.#given(tile, stats)));
    this.#panel.update(stats, (producerId) => session?.publisher.wanted(producerId));
  }
}

/** What the server counts of a consumer, in the form in which it tells of changes. */
function givenOf(stats: ServerStats | undefined, consumerId: string): Given | undefined {
  const one = stats?.consumers.find((consumer) => consumer.consumerId === consumerId);
  if (one === undefined) return undefined;
  const { layers, why, estimateBps, nacked, resent, score } = one;
  return { layers, why, nacked, resent, ...(estimateBps !== undefined && { estimateBps }), ...(score !== undefined && { score }) };
}

function isSpeaking(tile: Tile, speaker: string | undefined): boolean {
  return tile.source === 'camera' && tile.participantId === speaker && speaker !== '';
}

function belongsTo(report: TrackReport, tile: Tile): boolean {
  if (report.participantId !== tile.participantId) return false;
  return report.source.startsWith('screen') === (tile.source === 'screen');
}

function connectionOf(call: Call): { state: string; words: string } {
  if (call.state === 'connected') return call.session?.impaired ? { state: 'impaired', words: 'Unstable' } : { state: 'connected', words: 'Connected' };
  return call.state === 'connecting' ? { state: 'connecting', words: 'Connecting' } : { state: call.state, words: 'Reconnecting' };
}

function bannerOf(call: Call): { tone: 'trouble' | 'info'; words: string } | undefined {
  if (call.state === 'reconnecting') return { tone: 'trouble', words: `Reconnecting. ${call.trouble?.title ?? 'The connection was lost'}. ${call.trouble?.sentence ?? ''}` };
  if (call.state === 'connecting') return { tone: 'info', words: call.trouble === undefined ? 'Joining the call' : `Joining takes longer. ${call.trouble.sentence}` };
  if (call.session?.impaired) return { tone: 'trouble', words: 'The network is interrupted. Finding another way to the server.' };
  if (call.drainsAtMs !== undefined) return { tone: 'info', words: drainWords(call.drainsAtMs - Date.now()) };
  return undefined;
}

function drainWords(leftMs: number): string {
  const minutes = Math.ceil(leftMs / 60_000);
  const time = leftMs <= 0 ? 'in a moment' : minutes <= 1 ? 'within a minute' : `in about ${minutes} minutes`;
  return `The server will be updated ${time}. The call goes on until then.`;
}

function clock(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
