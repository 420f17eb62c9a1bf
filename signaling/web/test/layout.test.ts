import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gridLayout, placeTiles, type Rect, type Size } from '../src/layout.ts';

const GAP = 12;
const WIDE = { width: 1280, height: 640 };
const TALL = { width: 390, height: 700 };

test('the grid of every count fits its space, in every shape of window', () => {
  for (const space of [WIDE, TALL, { width: 800, height: 800 }, { width: 320, height: 200 }]) {
    for (let count = 1; count <= 30; count++) {
      const { columns, rows, tile } = gridLayout(count, space, GAP);
      assert.ok(columns * rows >= count);
      assert.ok(columns * tile.width + (columns - 1) * GAP <= space.width + 1, `${count} in ${space.width}`);
      assert.ok(rows * tile.height + (rows - 1) * GAP <= space.height + 1);
      assert.ok(tile.width > 0 && tile.height > 0);
    }
  }
});

test('the shapes that people expect', () => {
  const shape = (count: number, space = WIDE) => {
    const { columns, rows } = gridLayout(count, space, GAP);
    return `${columns}x${rows}`;
  };
  assert.equal(shape(1), '1x1');
  assert.equal(shape(2), '2x1');
  assert.equal(shape(4), '2x2');
  assert.equal(shape(6), '3x2');
  assert.equal(shape(9), '3x3');
  assert.equal(shape(12), '4x3');
  assert.equal(shape(2, TALL), '1x2');
});

test('a space without area gives no negative tile', () => {
  const { tile } = gridLayout(5, { width: 0, height: 0 }, GAP);
  assert.equal(tile.width, 0);
  assert.equal(tile.height, 0);
});

const overlap = (a: Rect, b: Rect) => a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
const inside = (rect: Rect, space: Size) => rect.left >= -1 && rect.top >= -1 && rect.left + rect.width <= space.width + 1 && rect.top + rect.height <= space.height + 1;

test('placed tiles neither overlap nor leave the window, with and without large ones', () => {
  for (const space of [WIDE, TALL, { width: 800, height: 800 }]) {
    for (let large = 0; large <= 3; large++) {
      for (let small = 0; small <= 14; small++) {
        const placement = placeTiles(large, small, space, GAP);
        assert.equal(placement.large.length, large);
        assert.equal(placement.small.length, small);
        const rects = [...placement.large, ...placement.small];
        for (const [index, rect] of rects.entries()) {
          assert.ok(inside(rect, space), `${large}+${small}: ${JSON.stringify(rect)}`);
          assert.ok(!rects.slice(index + 1).some((other) => overlap(rect, other)), `${large}+${small} overlap`);
        }
      }
    }
  }
});

test('a large tile is much larger than the others, and a short last row is centred', () => {
  const { large, small } = placeTiles(1, 4, WIDE, GAP);
  assert.ok((large[0]?.width ?? 0) > 3 * (small[0]?.width ?? Infinity));
  const [first, , last] = placeTiles(0, 3, { width: 800, height: 800 }, GAP).small;
  assert.ok(first !== undefined && last !== undefined && last.left >= first.left);
});
