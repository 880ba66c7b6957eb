/**
 * QR codes of short texts (up to 271 bytes): byte mode, error correction L, versions 1 to 10, as ISO/IEC 18004 has it. What the
 * console shows is scanned from a clean screen, so the lowest correction, and the fewest dots, is the right one.
 */

/** Of versions 1 to 10 at level L: all codewords, correction codewords of a block, blocks. */
const VERSIONS = [
  [26, 7, 1],
  [44, 10, 1],
  [70, 15, 1],
  [100, 20, 1],
  [134, 26, 1],
  [172, 18, 2],
  [196, 20, 2],
  [242, 24, 2],
  [292, 30, 2],
  [346, 18, 4],
] as const;
export const QR_BYTES_MAX = 271;
const FORMAT_L = 1;

type Grid = boolean[][];

/** An SVG as a data address, with the quiet zone around it. */
export function qrImage(text: string): string {
  const grid = qrGrid(text);
  const size = grid.length + 8;
  const path = grid
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + 4} ${y + 4}h1v1h-1z` : '')))
    .join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#fff"/><path d="${path}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** Rows of dots, true = dark. With `mask` left out, the one that reads best. */
export function qrGrid(text: string, mask?: number): Grid {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex(([all, each, blocks], at) => {
    return bytes.length + (at < 9 ? 2 : 3) <= all - each * blocks;
  });
  if (version === -1) {
    throw new RangeError(`${bytes.length} bytes do not fit into a code; at most ${QR_BYTES_MAX}`);
  }
  const codewords = interleaved(dataOf(bytes, version), version);
  const masks = mask === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [mask];
  const drawn = masks.map((each) => drawnWith(codewords, version, each));
  return drawn.reduce((best, grid) => (roughness(grid) < roughness(best) ? grid : best));
}

function dataOf(bytes: Uint8Array, version: number): number[] {
  const [all, each, blocks] = VERSIONS[version]!;
  const room = all - each * blocks;
  const bits: number[] = [];
  const put = (value: number, length: number): void => {
    for (let at = length - 1; at >= 0; at--) {
      bits.push((value >> at) & 1);
    }
  };
  put(4, 4);
  put(bytes.length, version < 9 ? 8 : 16);
  for (const byte of bytes) {
    put(byte, 8);
  }
  put(0, Math.min(4, room * 8 - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  const data: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    data.push(bits.slice(at, at + 8).reduce((value, bit) => value * 2 + bit, 0));
  }
  for (let pad = 0xec; data.length < room; pad = 0xec ^ 0x11 ^ pad) {
    data.push(pad);
  }
  return data;
}

function interleaved(data: readonly number[], version: number): number[] {
  const [all, each, blocks] = VERSIONS[version]!;
  const room = all - each * blocks;
  const short = Math.floor(room / blocks);
  const long = room % blocks;
  const divisor = divisorOf(each);
  const parts: number[][] = [];
  const checks: number[][] = [];
  let from = 0;
  for (let block = 0; block < blocks; block++) {
    const length = short + (block < blocks - long ? 0 : 1);
    const part = data.slice(from, from + length);
    from += length;
    parts.push(part);
    checks.push(remainder(part, divisor));
  }
  const woven: number[] = [];
  for (const rows of [parts, checks]) {
    for (let at = 0; at < Math.max(...rows.map((row) => row.length)); at++) {
      woven.push(...rows.flatMap((row) => (at < row.length ? [row[at]!] : [])));
    }
  }
  return woven;
}

function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

function divisorOf(degree: number): number[] {
  const result: number[] = new Array(degree - 1).fill(0).concat([1]);
  let root = 1;
  for (let turn = 0; turn < degree; turn++) {
    for (let at = 0; at < degree; at++) {
      result[at] = times(result[at]!, root) ^ (result[at + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return result;
}

function remainder(data: readonly number[], divisor: readonly number[]): number[] {
  const result: number[] = new Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ result.shift()!;
    result.push(0);
    divisor.forEach((part, at) => {
      result[at]! ^= times(part, factor);
    });
  }
  return result;
}

function drawnWith(codewords: readonly number[], version: number, mask: number): Grid {
  const size = version * 4 + 21;
  const grid: Grid = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const fixed: Grid = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const set = (x: number, y: number, isDark: boolean): void => {
    if (x >= 0 && y >= 0 && x < size && y < size) {
      grid[y]![x] = isDark;
      fixed[y]![x] = true;
    }
  };
  drawFixed(set, version, size);
  drawFormat(set, size, mask);
  let bit = 0;
  for (let pair = size - 1; pair >= 1; pair -= 2) {
    // The column of the timing pattern is passed over.
    const column = pair <= 6 ? pair - 1 : pair;
    const isUpward = ((column + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      for (const x of [column, column - 1]) {
        const y = isUpward ? size - 1 - step : step;
        if (!fixed[y]![x]) {
          const isDark = bit < codewords.length * 8 && ((codewords[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1;
          grid[y]![x] = isDark !== isMasked(mask, x, y);
          bit += 1;
        }
      }
    }
  }
  return grid;
}

function drawFixed(
  set: (x: number, y: number, isDark: boolean) => void,
  version: number,
  size: number,
): void {
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [cx, cy] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const) {
    for (let dy = -4; dy <= 4; dy++) {
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
      }
    }
  }
  const places = version === 0 ? [] : version < 6 ? [6, size - 7] : [6, (6 + size - 7) / 2, size - 7];
  for (const cx of places) {
    for (const cy of places) {
      const isFinder =
        (cx === 6 && cy === 6) || (cx === 6 && cy === size - 7) || (cx === size - 7 && cy === 6);
      for (let dy = -2; !isFinder && dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) {
          set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
        }
      }
    }
  }
  if (version >= 6) {
    let rest = version + 1;
    for (let turn = 0; turn < 12; turn++) {
      rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    }
    const bits = ((version + 1) << 12) | rest;
    for (let at = 0; at < 18; at++) {
      const isDark = ((bits >>> at) & 1) === 1;
      set(size - 11 + (at % 3), Math.floor(at / 3), isDark);
      set(Math.floor(at / 3), size - 11 + (at % 3), isDark);
    }
  }
}

function drawFormat(set: (x: number, y: number, isDark: boolean) => void, size: number, mask: number): void {
  const data = (FORMAT_L << 3) | mask;
  let rest = data;
  for (let turn = 0; turn < 10; turn++) {
    rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  }
  const bits = ((data << 10) | rest) ^ 0x5412;
  const isDark = (at: number): boolean => ((bits >>> at) & 1) === 1;
  for (let at = 0; at <= 5; at++) {
    set(8, at, isDark(at));
  }
  set(8, 7, isDark(6));
  set(8, 8, isDark(7));
  set(7, 8, isDark(8));
  for (let at = 9; at < 15; at++) {
    set(14 - at, 8, isDark(at));
  }
  for (let at = 0; at < 8; at++) {
    set(size - 1 - at, 8, isDark(at));
  }
  for (let at = 8; at < 15; at++) {
    set(8, size - 15 + at, isDark(at));
  }
  set(8, size - 8, true);
}

function isMasked(mask: number, x: number, y: number): boolean {
  const rules = [
    (x + y) % 2,
    y % 2,
    x % 3,
    (x + y) % 3,
    (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
    ((x * y) % 2) + ((x * y) % 3),
    (((x * y) % 2) + ((x * y) % 3)) % 2,
    (((x + y) % 2) + ((x * y) % 3)) % 2,
  ];
  return rules[mask] === 0;
}

/** Long runs of one colour are hard to read. */
function roughness(grid: Grid): number {
  const size = grid.length;
  let sum = 0;
  for (let a = 0; a < size; a++) {
    for (const at of [(b: number) => grid[a]![b]!, (b: number) => grid[b]![a]!]) {
      let run = 1;
      for (let b = 1; b < size; b++) {
        run = at(b) === at(b - 1) ? run + 1 : 1;
        sum += run === 5 ? 3 : run > 5 ? 1 : 0;
      }
    }
  }
  return sum;
}
