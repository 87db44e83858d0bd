// Draws a card: the words of a quote, typeset on the picture of its film.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MeasuredNode, type Node, Renderer } from '@takumi-rs/core';
import { eraOf } from './eras.ts';
import { HEIGHT, WIDTH } from './motifs.ts';
import { LEADER, pictureOf } from './picture.ts';

/** What a card shows. Nothing else may change its picture. */
export interface Card {
  readonly film: string;
  readonly year: number;
  readonly content: string;
  readonly speaker: string;
}

const FONTS = join(import.meta.dirname, '../../../src/public/fonts'); // Not compiled: the same from dist/.
const WORDS = 'Instrument Serif';
const TITLES = 'League Gothic';
/** What is in the files for further languages: the ranges that fonts are divided by everywhere, as in style sheets. */
const LATIN_EXTENDED: [number, number][] = [
  [0x100, 0x130],
  [0x132, 0x151],
  [0x154, 0x2ba],
  [0x2bd, 0x2c5],
  [0x1e00, 0x1e9f],
  [0x1ef2, 0x1eff],
  [0x20a0, 0x20ab],
  [0x20ad, 0x20c0],
];

const renderer = loadRenderer();

async function loadRenderer(): Promise<Renderer> {
  // The picture of a card is drawn once, so that keeping it would only take memory.
  const renderer = new Renderer({ cacheMaxBytes: 0 });
  for (const [name, file] of [
    [WORDS, 'instrument-serif'],
    [TITLES, 'league-gothic'],
  ] as const) {
    await renderer.registerFont({ name, data: await readFile(join(FONTS, `${file}.woff2`)) });
    const data = await readFile(join(FONTS, `${file}-latin-ext.woff2`));
    await renderer.registerFont({ name, data, unicodeRange: LATIN_EXTENDED });
  }
  return renderer;
}

/** The card as a PNG of 1200 x 630 pixels. */
export async function drawCard(card: Card): Promise<Buffer> {
  const page: Node = {
    type: 'container',
    style: { width: WIDTH, height: HEIGHT },
    children: [
      { type: 'image', src: 'picture', width: WIDTH, height: HEIGHT, style: { position: 'absolute', left: 0, top: 0 } },
      at(SITE, { type: 'text', text: 'MOVIE QUOTES', style: { ...titles(32), color: eraOf(card.year).ink } }),
      at(QUOTE, await fit(QUOTE, QUOTE_SIZES, quote(card))),
      at(YEAR, year(card)),
      at(CREDIT, await fit(CREDIT, CREDIT_SIZES, credit(card))),
    ],
  };
  const images = [{ src: 'picture', data: Buffer.from(pictureOf(card)) }];
  return (await renderer).render(page, { width: WIDTH, height: HEIGHT, format: 'png', images });
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

// Right of the strip, from top to bottom.
const LEFT = LEADER.x - LEADER.radius;
const SITE: Box = { left: LEFT, top: 38, width: 400, height: 32 };
const QUOTE: Box = { left: LEFT, top: 84, width: 1000, height: 344 };
const YEAR: Box = { left: LEFT, top: LEADER.y - LEADER.radius, width: 2 * LEADER.radius, height: 2 * LEADER.radius };
const CREDIT: Box = { left: 290, top: YEAR.top, width: 846, height: YEAR.height };

const QUOTE_SIZES = [168, 154, 140, 128, 116, 106, 97, 88, 80, 72, 65, 58, 52, 46, 40, 34, 28];
const CREDIT_SIZES = [56, 50, 44, 38, 33, 28];

/**
 * A text at a size, within a width; in no more than `lines`, the last of which ends with an ellipsis, where that is given.
 */
type Typeset = (size: number, width: number, lines?: number) => Node;

function quote({ content, year }: Card): Typeset {
  return (size, width, lines) => {
    const style = { fontFamily: WORDS, fontSize: size, lineHeight: 1.02, color: eraOf(year).ink };
    const letterSpacing = -0.015 * size;
    return {
      type: 'container',
      // A flex container, for in a block container a text is inline, and has no width of its own.
      style: { position: 'relative', display: 'flex', width: QUOTE.width },
      children: [
        // Hung in the margin, as in a printed book; apart, for else it would pull the first letter there too (kerning).
        { type: 'text', text: '“', style: { ...style, position: 'absolute', top: 0, right: QUOTE.width } },
        {
          type: 'text',
          text: `${clean(content)}”`,
          style: { ...style, width, letterSpacing, ...cut(lines) },
        },
      ],
    };
  };
}

function credit({ film, speaker, year }: Card): Typeset {
  const { ink, accent } = eraOf(year);
  return (size, width, lines) => ({
    type: 'container',
    style: { display: 'flex', flexDirection: 'column', gap: 6, width },
    children: [
      {
        type: 'text',
        text: clean(speaker),
        style: { fontFamily: WORDS, fontSize: Math.min(34, size), lineHeight: 1.1, color: ink, ...cut(lines && 1) },
      },
      { type: 'text', text: clean(film).toUpperCase(), style: { ...titles(size), color: accent, ...cut(lines && 2) } },
    ],
  });
}

function year({ year }: Card): Node {
  const { ink } = eraOf(year);
  return {
    type: 'text',
    text: `${year}`,
    style: { ...titles(48, 0.02), width: '100%', textAlign: 'center', color: ink },
  };
}

function titles(size: number, spacing = 0.035) {
  return { fontFamily: TITLES, fontSize: size, lineHeight: 1.04, letterSpacing: spacing * size };
}

/** A word is broken only where the text is cut anyway: else a smaller size is taken. */
function cut(lines: number | undefined) {
  return lines === undefined ? {} : { lineClamp: lines, textOverflow: 'ellipsis', overflowWrap: 'anywhere' };
}

function at({ left, top, width, height }: Box, child: Node): Node {
  const style = { position: 'absolute', left, top, width, height, display: 'flex', alignItems: 'center' } as const;
  return { type: 'container', style, children: [child] };
}

/** The text at the largest of the sizes, which fall, at which it fits into the box; cut where it is too long for all. */
async function fit({ width, height }: Box, sizes: readonly number[], typeset: Typeset): Promise<Node> {
  let [low, high] = [0, sizes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const size = sizes[middle] as number;
    const measured = await measure(typeset(size, width));
    // A line's width has the space at its end in it.
    if (measured.height <= height && widest(measured) <= width + 0.25 * size) high = middle;
    else low = middle + 1;
  }
  const size = sizes[low];
  if (size !== undefined) return typeset(size, await balance(width, (width) => typeset(size, width)));
  const smallest = sizes.at(-1) as number;
  return typeset(smallest, width, Math.floor(height / (1.02 * smallest)));
}

/** The least width at which it takes no more lines: they are about equally long then. */
async function balance(width: number, typeset: (width: number) => Node): Promise<number> {
  const { height } = await measure(typeset(width));
  let [low, high] = [width / 2, width];
  while (high - low > 4) {
    const middle = (low + high) / 2;
    if ((await measure(typeset(middle))).height <= height) high = middle;
    else low = middle;
  }
  return high;
}

async function measure(node: Node): Promise<MeasuredNode> {
  return (await renderer).measure(node, { width: WIDTH });
}

function widest({ runs, children }: MeasuredNode): number {
  return Math.max(0, ...runs.map(({ x, width }) => x + width), ...children.map(widest));
}

/** Without what no font draws and what would only be boxes: control and format characters, emoji. */
function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Extended_Pictographic}\p{Emoji_Modifier}\s]+/gu, ' ')
    .trim();
}
