/** The tiles of the call: keeps one view a tile and glides them to their places. */
import { placeTiles, type Rect } from '../layout.ts';
import type { Choice } from '../quality.ts';
import type { Tile } from '../tile.ts';
import { h } from './dom.ts';
import { TileView } from './tileview.ts';

const GAP = 12;
const GAP_NARROW = 8;

export interface GridListener {
  /** A tile has its place. */
  onPlaced(tile: Tile, rect: Rect): void;
  onChoice(tile: Tile, choice: Choice): void;
}

export class Grid {
  readonly element = h('div', { class: 'grid', testid: 'grid' });
  readonly #views = new Map<string, TileView>();
  readonly #observer = new ResizeObserver(() => this.#place());
  #tiles: readonly Tile[] = [];
  #pinned: string | undefined;
  readonly #listener: GridListener;

  constructor(listener: GridListener) {
    this.#listener = listener;
    this.#observer.observe(this.element);
  }

  update(tiles: readonly Tile[]): void {
    this.#tiles = tiles;
    const keys = new Set(tiles.map(({ key }) => key));
    if (this.#pinned !== undefined && !keys.has(this.#pinned)) this.#pinned = undefined;
    for (const [key, view] of this.#views) if (!keys.has(key)) this.#remove(key, view);
    for (const tile of tiles) this.#viewOf(tile.key).update(tile, tile.key === this.#pinned);
    this.#place();
  }

  /** Every tile with its view, for what is written onto tiles from outside. */
  *entries(): Generator<readonly [Tile, TileView]> {
    for (const tile of this.#tiles) {
      const view = this.#views.get(tile.key);
      if (view !== undefined) yield [tile, view];
    }
  }

  close(): void {
    this.#observer.disconnect();
    for (const [key, view] of this.#views) this.#remove(key, view);
  }

  #viewOf(key: string): TileView {
    const existing = this.#views.get(key);
    if (existing !== undefined) return existing;
    const view = new TileView(key, { onPin: (pinned) => this.#togglePin(pinned), onChoice: (chosen, choice) => this.#choose(chosen, choice) });
    this.#views.set(key, view);
    this.element.append(view.element);
    return view;
  }

  #remove(key: string, view: TileView): void {
    this.#views.delete(key);
    view.close();
  }

  #togglePin(key: string): void {
    this.#pinned = this.#pinned === key ? undefined : key;
    this.update(this.#tiles);
  }

  #place(): void {
    const space = { width: this.element.clientWidth, height: this.element.clientHeight };
    if (space.width === 0) return;
    const large = this.#tiles.filter((tile) => this.#isLarge(tile));
    const small = this.#tiles.filter((tile) => !this.#isLarge(tile));
    const places = placeTiles(large.length, small.length, space, space.width < 600 ? GAP_NARROW : GAP);
    for (const [index, tile] of large.entries()) this.#placeOne(tile, places.large[index]);
    for (const [index, tile] of small.entries()) this.#placeOne(tile, places.small[index]);
  }

  #placeOne(tile: Tile, rect: Rect | undefined): void {
    if (rect === undefined) return;
    this.#views.get(tile.key)?.place(rect);
    this.#listener.onPlaced(tile, rect);
  }

  #choose(key: string, choice: Choice): void {
    const tile = this.#tiles.find((one) => one.key === key);
    if (tile !== undefined) this.#listener.onChoice(tile, choice);
  }

  /** The pinned tile alone; without one, the screens of others. One's own screen is small: it would show itself without end. */
  #isLarge(tile: Tile): boolean {
    if (this.#pinned !== undefined) return tile.key === this.#pinned;
    return tile.source === 'screen' && !tile.local;
  }
}
