// Everything of a card but its words, as SVG: the film's picture, the strip of perforations and the leader with its hand.

import { eraOf } from './eras.ts';
import { HEIGHT, WIDTH } from './motifs.ts';

/** Where the leader stands. */
export const LEADER = { x: 196, y: 526, radius: 62 } as const;

/** The width of the strip. */
const STRIP = 60;
/** From one perforation to the next: fifteen fill the card's height. */
const PITCH = HEIGHT / 15;

/** The picture of a film. The same film has the same one each time. */
export function pictureOf({ film, year }: { readonly film: string; readonly year: number }): string {
  const { paper, ink, accent, motif } = eraOf(year);
  const chance = chances(`${film} (${year})`);
  const palette = {
    tone: (share: number) => mix(paper, accent, share),
    between: (low: number, high: number) => low + (high - low) * chance(),
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
    <rect width="${WIDTH}" height="${HEIGHT}" fill="${paper}"/>
    ${motif(palette)}
    <linearGradient id="shade" x1="0" y1="0" x2="1" y2="0.08"><stop offset="0.06" stop-color="${paper}" stop-opacity="0.95"/>
      <stop offset="0.4" stop-color="${paper}" stop-opacity="0.5"/>
      <stop offset="0.8" stop-color="${paper}" stop-opacity="0"/></linearGradient>
    <linearGradient id="floor" x1="0" y1="0" x2="0" y2="1"><stop offset="0.6" stop-color="${paper}" stop-opacity="0"/>
      <stop offset="1" stop-color="${paper}" stop-opacity="0.8"/></linearGradient>
    <rect width="${WIDTH}" height="${HEIGHT}" fill="url(#shade)"/>
    <rect width="${WIDTH}" height="${HEIGHT}" fill="url(#floor)"/>
    ${strip(mix(paper, accent, 0.72), paper)}
    ${leader(year, ink, paper, accent)}
  </svg>`;
}

function strip(colour: string, paper: string): string {
  let holes = '';
  for (let hole = 0; hole < 15; hole += 1) {
    holes += `<rect x="${STRIP / 2 - 8}" y="${hole * PITCH + 11}" width="16" height="20" rx="4.5" fill="${paper}"/>`;
  }
  return `<rect width="${STRIP}" height="${HEIGHT}" fill="${colour}"/>${holes}`;
}

/** Two rings, a cross that leaves room for the year, and the hand: it goes round once in a decade. */
function leader(year: number, ink: string, paper: string, accent: string): string {
  const { x, y, radius } = LEADER;
  const turn = (((((year % 10) + 10) % 10) + 0.5) / 10) * 2 * Math.PI;
  const [endX, endY] = [x + radius * Math.sin(turn), y - radius * Math.cos(turn)];
  const wide = radius * 0.6;
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${paper}" fill-opacity="0.72"/>
    <path d="M${x} ${y} V${y - radius} A${radius} ${radius} 0 ${turn > Math.PI ? 1 : 0} 1 ${endX} ${endY} z" fill="${accent}"
      fill-opacity="0.34"/>
    <g fill="none" stroke="${ink}" stroke-opacity="0.6" stroke-width="2">
      <circle cx="${x}" cy="${y}" r="${radius}"/><circle cx="${x}" cy="${y}" r="${radius - 12}"/>
      <path stroke-width="1.2" d="M${x} ${y - radius} V${y - 28} M${x} ${y + 28} V${y + radius}
        M${x - radius} ${y} H${x - wide} M${x + wide} ${y} H${x + radius}"/>
    </g>`;
}

function mix(from: string, to: string, share: number): string {
  let mixed = '#';
  for (const at of [1, 3, 5]) {
    const [a, b] = [from, to].map((colour) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number];
    mixed += Math.round(a + (b - a) * share)
      .toString(16)
      .padStart(2, '0');
  }
  return mixed;
}

/** Numbers from 0 up to 1 by chance, the same ones for the same seed: FNV-1a into mulberry32. */
function chances(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
