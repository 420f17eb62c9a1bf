/** Beside the tiles: what the server says of this participant's network, and of each size that it sends. */
import type { EncodingStats, ProducerStats, ServerStats, TransportStats } from '../protocol.ts';
import { h } from './dom.ts';
import { ms, percent, rate } from './statsrows.ts';

export class StatsPanel {
  readonly element = h('aside', { class: 'panel', testid: 'stats-panel', 'aria-label': 'Statistics of the server' });

  /** `wanted` says which encodings of a producer anybody receives. */
  update(stats: ServerStats | undefined, wanted: (producerId: string) => readonly boolean[] | undefined): void {
    if (stats === undefined) return this.element.replaceChildren(h('p', { class: 'panel__none' }, 'The server gives no numbers.'));
    const video = stats.producers.filter(({ kind }) => kind === 'video');
    this.element.replaceChildren(
      h('h2', { class: 'panel__title' }, 'Network'), networkTable(stats.transports),
      ...video.flatMap((producer) => [h('h2', { class: 'panel__title' }, titleOf(producer)), encodingsTable(producer, wanted(producer.producerId))]),
    );
  }
}

function networkTable(transports: readonly TransportStats[]): HTMLElement {
  const rows = transports.map((one) => [
    one.estimateBps === undefined ? 'up' : 'down', rate(one.estimateBps), ms(one.roundTripMs),
    percent(one.receivedLostPercent ?? one.sentLostPercent), String(one.resent),
  ]);
  return table(['', 'carries', 'round trip', 'loss', 'resent'], rows);
}

function encodingsTable(producer: ProducerStats, wanted: readonly boolean[] | undefined): HTMLElement {
  return table(['', 'size', 'fps', 'rate', 'loss', 'score'], producer.encodings.map((encoding, index) => encodingRow(encoding, index, wanted?.[index] ?? true)));
}

function encodingRow(encoding: EncodingStats, index: number, wanted: boolean): string[] {
  const name = encoding.rid ?? String(index);
  if (!wanted) return [name, 'nobody receives it', '', '', '', ''];
  const size = encoding.width === undefined ? '–' : `${encoding.width} × ${encoding.height}`;
  const live = encoding.live ? size : 'not sent';
  return [name, live, String(encoding.framesPerSecond ?? '–'), rate(encoding.bitrateBps), percent(encoding.lostPercent), String(encoding.score ?? '–')];
}

function titleOf({ source }: ProducerStats): string {
  return source === 'screen' ? 'Your screen' : 'Your camera';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const cells = (tag: 'th' | 'td', row: readonly string[]) => h('tr', {}, ...row.map((cell) => h(tag, tag === 'th' ? { scope: 'col' } : {}, cell)));
  return h('table', { class: 'panel__table' }, h('thead', {}, cells('th', head)), h('tbody', {}, ...rows.map((row) => cells('td', row))));
}
