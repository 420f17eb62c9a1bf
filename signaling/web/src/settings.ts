/**
 * What the page remembers (localStorage) and what its address asks for (the query). The address wins and is not remembered. A token
 * leaves the address at once, before it is copied or shown to others, and stays in the state of the history entry: a reload keeps it.
 */

export type VideoCodec = 'vp8' | 'vp9' | 'h264' | 'av1';

/** How a camera is sent: in several sizes at once, in one stream with layers inside, or in one size. */
export type Layering = 'simulcast' | 'svc' | 'one';

export interface Preferences {
  name: string;
  room: string;
  microphone: boolean;
  camera: boolean;
  microphoneId: string;
  cameraId: string;
  speakerId: string;
  codec: VideoCodec | '';
  layering: Layering;
}

export interface Launch {
  preferences: Preferences;
  token: string | undefined;
  autojoin: boolean;
  /** Height that is asked of the camera. */
  cameraHeight: number;
}

const KEY = 'corelay.preferences';
const CAMERA_HEIGHT = 720;
const DEFAULTS: Preferences = { name: '', room: '', microphone: true, camera: true, microphoneId: '', cameraId: '', speakerId: '', codec: '', layering: 'simulcast' };
const CODECS: readonly string[] = ['vp8', 'vp9', 'h264', 'av1'];
const LAYERINGS: readonly string[] = ['simulcast', 'svc', 'one'];

export function readLaunch(query: string, stored: string | null, kept: unknown = null): Launch {
  const asked = new URLSearchParams(query);
  const preferences = parsePreferences(stored);
  preferences.name = asked.get('name') ?? preferences.name;
  preferences.room = asked.get('room') ?? preferences.room;
  preferences.microphone = switchOf(asked.get('mic')) ?? preferences.microphone;
  preferences.camera = switchOf(asked.get('cam')) ?? preferences.camera;
  const codec = asked.get('video')?.toLowerCase() ?? preferences.codec;
  preferences.codec = CODECS.includes(codec) ? (codec as VideoCodec) : '';
  const layering = asked.get('layers')?.toLowerCase() ?? preferences.layering;
  preferences.layering = LAYERINGS.includes(layering) ? (layering as Layering) : DEFAULTS.layering;
  const height = Number(asked.get('height'));
  return {
    preferences,
    token: asked.get('token') ?? keptToken(kept),
    autojoin: switchOf(asked.get('autojoin')) ?? false,
    cameraHeight: height >= 90 && height <= 2160 ? height : CAMERA_HEIGHT,
  };
}

/** Takes the token out of the address bar. */
export function hideToken(token: string | undefined): void {
  if (token !== undefined) history.replaceState({ token }, '', withoutToken(location.href));
}

export function withoutToken(address: string): string {
  const url = new URL(address);
  url.searchParams.delete('token');
  return url.href;
}

function keptToken(kept: unknown): string | undefined {
  const token = (kept as Record<string, unknown> | null | undefined)?.['token'];
  return typeof token === 'string' ? token : undefined;
}

/** A browser that forbids storage only forgets. */
export function loadPreferences(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // The choice holds for this visit.
  }
}

function parsePreferences(stored: string | null): Preferences {
  const preferences: Preferences = { ...DEFAULTS };
  let value: unknown;
  try {
    value = JSON.parse(stored ?? '{}');
  } catch {
    return preferences;
  }
  for (const [key, fallback] of Object.entries(DEFAULTS)) {
    const found = (value as Record<string, unknown> | null)?.[key];
    if (typeof found === typeof fallback) Object.assign(preferences, { [key]: found });
  }
  return preferences;
}

function switchOf(value: string | null): boolean | undefined {
  if (value === null) return undefined;
  return value !== '0' && value !== 'false';
}
