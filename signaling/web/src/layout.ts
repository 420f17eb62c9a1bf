/** Where the tiles go: pure geometry, in CSS pixels. */

export interface Size {
  width: number;
  height: number;
}

export interface Grid {
  columns: number;
  rows: number;
  tile: Size;
}

/**
 * Tiles may be anything between a portrait phone and a wide screen; inside a tile the picture is cropped to fill it. A lower bound
 * nearer to zero fills narrow windows better and cuts more of the picture; a higher upper bound makes strips of faces.
 */
const ASPECT_MIN = 9 / 16;
const ASPECT_MAX = 16 / 9;
/** Below this a landscape window looks better with 4:3 tiles at least: heads with shoulders, not columns. */
const ASPECT_MIN_LANDSCAPE = 4 / 3;

/** The columns that give the largest tiles; on a tie the fuller last row. */
export function gridLayout(count: number, space: Size, gap: number): Grid {
  const aspectMin = space.width >= space.height ? ASPECT_MIN_LANDSCAPE : ASPECT_MIN;
  let best: Grid = { columns: 1, rows: Math.max(1, count), tile: { width: 0, height: 0 } };
  let bestScore = -1;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.max(1, Math.ceil(count / columns));
    const cell = { width: (space.width - gap * (columns - 1)) / columns, height: (space.height - gap * (rows - 1)) / rows };
    const tile = fit(cell, aspectMin, ASPECT_MAX);
    const holes = columns * rows - count;
    // A hole costs a little, so that 2 by 2 wins over 3 + 1 when the tiles are nearly as large.
    const score = tile.width * tile.height * (1 - 0.04 * holes);
    if (score > bestScore) {
      best = { columns, rows, tile };
      bestScore = score;
    }
  }
  return best;
}

export interface Rect extends Size {
  left: number;
  top: number;
}

export interface Placement {
  large: Rect[];
  small: Rect[];
}

/** Higher shows faces better beside a shared screen; lower leaves the screen more of the window. */
const STRIP_SIDE_WIDTH_MAX = 232;
const STRIP_BOTTOM_HEIGHT_MAX = 120;

/**
 * A few large tiles (screens, or a pinned one) with the others in a strip beside or below them; without large ones, one even grid.
 * All are places in the same box, so that a tile can glide from one to the other and its video never leaves the page.
 */
export function placeTiles(large: number, small: number, space: Size, gap: number): Placement {
  const whole: Rect = { left: 0, top: 0, ...space };
  if (large === 0) return { large: [], small: gridRects(small, whole, gap) };
  if (small === 0) return { large: gridRects(large, whole, gap), small: [] };
  if (space.width > space.height * 1.2) {
    const width = Math.min(STRIP_SIDE_WIDTH_MAX, Math.floor(space.width * 0.26));
    const stage: Rect = { ...whole, width: space.width - width - gap };
    return { large: gridRects(large, stage, gap), small: gridRects(small, { ...whole, left: stage.width + gap, width }, gap) };
  }
  const height = Math.min(STRIP_BOTTOM_HEIGHT_MAX, Math.floor(space.height * 0.24));
  const stage: Rect = { ...whole, height: space.height - height - gap };
  return { large: gridRects(large, stage, gap), small: gridRects(small, { ...whole, top: stage.height + gap, height }, gap) };
}

/** The places of a grid in a box: rows stand in the middle, and a last row that is not full is centred. */
function gridRects(count: number, box: Rect, gap: number): Rect[] {
  const { columns, tile } = gridLayout(count, box, gap);
  const rows = Math.ceil(count / columns);
  const top = box.top + (box.height - rows * tile.height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = box.left + (box.width - inRow * tile.width - (inRow - 1) * gap) / 2;
    return { left: Math.round(left + (index % columns) * (tile.width + gap)), top: Math.round(top + row * (tile.height + gap)), ...tile };
  });
}

/** The largest box of an allowed aspect ratio inside the cell. */
function fit(cell: Size, aspectMin: number, aspectMax: number): Size {
  const width = Math.max(0, cell.width);
  const height = Math.max(0, cell.height);
  const aspect = height === 0 ? aspectMax : width / height;
  if (aspect > aspectMax) return { width: Math.floor(height * aspectMax), height: Math.floor(height) };
  if (aspect < aspectMin) return { width: Math.floor(width), height: Math.floor(width / aspectMin) };
  return { width: Math.floor(width), height: Math.floor(height) };
}
