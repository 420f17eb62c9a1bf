/** What a video is sent as: several sizes at once, layers in one stream, or one size. */
import type { types } from 'mediasoup-client';
import type { Source } from './protocol.ts';
import type { Layering, VideoCodec } from './settings.ts';

/**
 * Ceilings in bit/s. Higher is a sharper picture where the network carries it; lower leaves room for more participants: a receiver
 * in a call of ten gets nine cameras.
 */
const CAMERA_BITRATE_MAX = 1_700_000;
const SCREEN_BITRATE_MAX = 3_000_000;
/** The smaller pictures of simulcast, of a camera of 720 lines: a quarter and a half of its sides. */
const CAMERA_BITRATES_SMALLER = [{ scaleResolutionDownBy: 4, maxBitrate: 150_000 }, { scaleResolutionDownBy: 2, maxBitrate: 500_000 }];
/**
 * Two temporal layers, so that a receiver with a slow network gets half of the frames before it gets a smaller picture. A third would cost all
 * of them bits, for a quarter of the frames, which people take for a picture that stands.
 */
const TEMPORAL = 'L1T2';
/** Spatial layers that lean on each other at keyframes only: who gets the small one is not sent parts of the large ones. */
const SPATIAL = 'L3T3_KEY';
const CODECS_WITH_SPATIAL_LAYERS: readonly (VideoCodec | '')[] = ['vp9', 'av1'];
/** Chromium begins all sizes of these anew when one is switched: every viewer's picture stops for half a second. */
const CODECS_SWITCHED_TOGETHER = ['video/vp9', 'video/av1'];

/** A screen is one size, which stays sharp: its lines matter more than its frames. */
export function videoEncodings(source: Source, layering: Layering, codec: VideoCodec | ''): types.RtpEncodingParameters[] {
  if (source === 'screen') return [{ maxBitrate: SCREEN_BITRATE_MAX, scalabilityMode: TEMPORAL }];
  if (layering === 'svc' && CODECS_WITH_SPATIAL_LAYERS.includes(codec)) return [{ maxBitrate: CAMERA_BITRATE_MAX, scalabilityMode: SPATIAL }];
  if (layering === 'one') return [{ maxBitrate: CAMERA_BITRATE_MAX }];
  const largest = { scaleResolutionDownBy: 1, maxBitrate: CAMERA_BITRATE_MAX };
  return [...CAMERA_BITRATES_SMALLER, largest].map((encoding) => ({ ...encoding, scalabilityMode: TEMPORAL }));
}

/** Layers in one stream need a codec that has them. */
export function codecFor(layering: Layering, codec: VideoCodec | ''): VideoCodec | '' {
  return layering === 'svc' && codec === '' ? 'vp9' : codec;
}

/** Whether `active` differs anywhere from what is `wanted`; changes it if so. What is not told of is left as it is. */
export function activate(encodings: RTCRtpEncodingParameters[], wanted: readonly boolean[], mimeType: string): boolean {
  const any = CODECS_SWITCHED_TOGETHER.includes(mimeType.toLowerCase()) && wanted.includes(true);
  let changed = false;
  for (const [index, encoding] of encodings.entries()) {
    const active = any || (wanted[index] ?? encoding.active ?? true);
    changed ||= (encoding.active ?? true) !== active;
    encoding.active = active;
  }
  return changed;
}
