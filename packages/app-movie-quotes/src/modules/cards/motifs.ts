// The pictures behind the words, one for each time, in the manner of its posters and titles. Each takes chances from a
// generator that the film's title seeds, so that a film has one picture and two films have two. They are SVG.

/** The size of a card in pixels: what pages that show it as their picture ask for (1.91 to 1). */
export const WIDTH = 1200;
export const HEIGHT = 630;

/** What a motif draws with. */
export interface Palette {
  /** The accent, mixed into the paper: 0 is paper, 1 is accent. Words stay readable on anything up to 0.45. */
  tone(share: number): string;
  /** A number from `low` up to `high`, the next by chance. */
  between(low: number, high: number): number;
}

export type Motif = (palette: Palette) => string;

/** Before 1940: a stepped tower before the rays of a rising sun. */
export const musicHall: Motif = ({ tone, between }) => {
  const x = between(850, 1010);
  const rays = 2 * Math.round(between(15, 22));
  const turn = Math.PI / rays;
  let picture = glow(x, HEIGHT, 620, tone(0.34));
  for (let ray = 0; ray < rays; ray += 1) {
    const [from, to] = [ray * turn - Math.PI, (ray + 0.5) * turn - Math.PI];
    picture += polygon([[x, HEIGHT], polar(x, HEIGHT, 1400, from), polar(x, HEIGHT, 1400, to)], tone(0.17));
  }
  const steps = Math.round(between(5, 7));
  const tallest = between(470, 540);
  for (let step = 0; step < steps; step += 1) {
    const half = 26 + (steps - 1 - step) * between(24, 34);
    const top = HEIGHT - tallest * (0.3 + (0.7 * (step + 1)) / steps);
    picture += `<rect x="${x - half}" y="${top}" width="${2 * half}" height="${HEIGHT}" fill="${tone(0.05)}"
      stroke="${tone(0.42)}" stroke-width="2"/>`;
    for (const side of [-1, 1])
      picture += line(x + side * (half - 9), top + 9, x + side * (half - 9), HEIGHT, tone(0.24), 1.5);
  }
  return picture + line(x, HEIGHT - tallest - 70, x, HEIGHT - tallest, tone(0.42), 3);
};

/** The forties: a low moon, and a street lamp through the blinds. */
export const filmNoir: Motif = ({ tone, between }) => {
  const x = between(860, 1040);
  const y = between(170, 250);
  let picture = glow(x, y, 420, tone(0.3)) + circle(x, y, between(105, 140), tone(0.42));
  const slats = Math.round(between(8, 10));
  const pitch = 560 / slats;
  const lean = between(-26, -16);
  for (let slat = 0; slat < slats; slat += 1) {
    const top = 50 + slat * pitch;
    const left = 430 + slat * 9;
    for (const [from, to] of [
      [left, left + 330],
      [left + 352, left + 760],
    ] as const) {
      picture += `<path d="M${from} ${top} L${to} ${top + (to - from) * 0.06} v${pitch * 0.52} L${from} ${top + pitch * 0.46} z"
        fill="${tone(0.21)}" fill-opacity="0.8" transform="translate(${-lean * 6}) skewX(${lean})"/>`;
    }
  }
  return picture;
};

/** The fifties: atoms, stars and a boomerang. */
export const atomicAge: Motif = ({ tone, between }) => {
  const [x, y] = [between(830, 990), between(210, 330)];
  let picture = glow(x, y, 480, tone(0.26));
  const turn = between(0, 60);
  for (const angle of [0, 60, 120]) {
    picture += `<g transform="rotate(${angle + turn} ${x} ${y})"><ellipse cx="${x}" cy="${y}" rx="265" ry="92" fill="none"
      stroke="${tone(0.42)}" stroke-width="3"/>${circle(x + 265 * Math.cos(angle + 1), y + 92 * Math.sin(angle + 1), 11, tone(0.6))}</g>`;
  }
  picture += circle(x, y, 34, tone(0.42));
  for (let star = 0; star < 7; star += 1) {
    const [a, b, size] = [between(420, 1160), between(40, 590), between(16, 44)];
    for (let point = 0; point < 4; point += 1) {
      const [p, q] = [polar(a, b, size, (point * Math.PI) / 4), polar(a, b, -size, (point * Math.PI) / 4)];
      picture += line(...p, ...q, tone(0.32), 2) + circle(...p, 3.5, tone(0.38)) + circle(...q, 3.5, tone(0.38));
    }
  }
  return `<path transform="translate(${between(560, 700)} ${between(380, 470)}) rotate(${between(-30, 30)})" fill="${tone(0.13)}"
    d="M-190 70 C-140 -60 -20 -110 130 -105 C190 -100 190 -50 130 -40 C20 -20 -70 30 -110 110 C-140 160 -210 130 -190 70z"/>${picture}`;
};

/** The sixties: paper, cut with scissors. */
export const cutPaper: Motif = ({ tone, between }) => {
  const slabs = Math.round(between(5, 7));
  const pitch = 640 / slabs;
  const cut = () => between(-18, 18);
  let picture = '';
  for (let slab = 0; slab < slabs; slab += 1) {
    const left = 580 + slab * pitch;
    const up = slab % 2 === 1;
    const tall = between(0.35, 0.8) * HEIGHT;
    const [near, far] = up ? [HEIGHT + 20, HEIGHT - tall] : [-20, tall];
    const slant = between(-0.12, 0.12) * tall;
    picture += polygon(
      [
        [left + cut(), near],
        [left + pitch * 0.94 + cut(), near],
        [left + pitch * 0.8 + slant, far + cut()],
        [left + pitch * 0.12 + slant, far + 2 * cut()],
      ],
      tone([0.45, 0.22, 0.34][slab % 3] as number),
    );
  }
  return picture;
};

/** The seventies: broad bands that run along the floor and up the wall. */
export const supergraphic: Motif = ({ tone, between }) => {
  const bands = Math.round(between(4, 6));
  const wide = between(34, 44);
  const bend = between(70, 120);
  const right = between(1060, 1140);
  const low = between(560, 610);
  let picture = '';
  for (let band = 0; band < bands; band += 1) {
    const [x, y, radius] = [right - band * wide, low - band * wide, bend + (bands - band) * wide];
    picture += `<path d="M0 ${y} H${x - radius} A${radius} ${radius} 0 0 0 ${x} ${y - radius} V0" fill="none"
      stroke="${tone(0.42 - (0.34 * band) / bands)}" stroke-width="${wide - 5}"/>`;
  }
  return glow(between(640, 760), between(180, 260), 330, tone(0.16)) + picture;
};

/** The eighties: the sun goes down over a grid. */
export const sunsetGrid: Motif = ({ tone, between }) => {
  const x = between(780, 960);
  const horizon = between(420, 450);
  const radius = between(210, 250);
  let picture = glow(x, horizon - 60, 560, tone(0.34));
  picture += `<linearGradient id="sun" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${tone(0.5)}"/>
    <stop offset="1" stop-color="${tone(0.3)}"/></linearGradient>${circle(x, horizon - 70, radius, 'url(#sun)')}`;
  for (let cut = 0; cut < 6; cut += 1) {
    const thick = 4 + cut * 3;
    picture += `<rect x="0" y="${horizon - 150 + cut * 27}" width="${WIDTH}" height="${thick}" fill="${tone(0.07)}" fill-opacity="0.9"/>`;
  }
  picture += `<rect x="0" y="${horizon}" width="${WIDTH}" height="${HEIGHT}" fill="${tone(0.05)}"/>`;
  for (let lane = -16; lane <= 16; lane += 1)
    picture += line(x + lane * 26, horizon, x + lane * 190, HEIGHT, tone(0.3), 1.5);
  for (let row = 0; row < 9; row += 1) {
    const y = horizon + (HEIGHT - horizon) * (row / 9) ** 2;
    picture += line(0, y, WIDTH, y, tone(0.36), 1.5);
  }
  return picture;
};

/** The nineties: a photograph, screened until only its dots are left. */
export const dotScreen: Motif = ({ tone, between }) => {
  const pitch = 21;
  const [a, b, c] = [between(0, 6), between(0, 6), between(0, 6)];
  let path = '';
  for (let row = -14; row < 48; row += 1) {
    for (let column = -6; column < 62; column += 1) {
      const [x, y] = [column * pitch * 0.96 + row * pitch * 0.26, row * pitch * 0.96 - column * pitch * 0.26 + 160];
      if (x < 300 || x > WIDTH + pitch || y < -pitch || y > HEIGHT + pitch) continue;
      const wave = Math.sin(x / 170 + a) + Math.sin(y / 120 + b) + Math.sin((x + y) / 230 + c);
      const size = Math.min(((wave + 2.2) / 5.2) * ((x - 260) / 700), 1) * pitch * 0.56;
      if (size > 1)
        path += `M${round(x - size)} ${round(y)}a${round(size)} ${round(size)} 0 1 0 ${round(2 * size)} 0a${round(size)} ${round(size)} 0 1 0 ${round(-2 * size)} 0`;
    }
  }
  return `<path d="${path}" fill="${tone(0.34)}"/>`;
};

/** The first years of the century: something is being tracked. */
export const scanner: Motif = ({ tone, between }) => {
  const [x, y] = [between(840, 980), between(240, 330)];
  let picture = glow(x, y, 520, tone(0.34));
  for (let ring = 0; ring < 9; ring += 1) {
    const radius = 46 + ring * 40;
    const around = 2 * Math.PI * radius;
    const [dash, gap] =
      ring % 3 === 2 ? [3, around / 90 - 3] : [around * between(0.12, 0.4), around * between(0.04, 0.2)];
    picture += `<circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="${tone(between(0.26, 0.42))}"
      stroke-width="${ring % 3 === 2 ? 13 : between(2, 9)}" stroke-dasharray="${dash} ${gap}"
      transform="rotate(${between(0, 360)} ${x} ${y})"/>`;
  }
  picture += line(330, y, WIDTH, y, tone(0.3), 1.5) + line(x, 0, x, HEIGHT, tone(0.2), 1.5);
  return picture + circle(x, y, 9, tone(0.7));
};

/** Of late: mountains, line behind line. */
export const ridges: Motif = ({ tone, between }) => {
  const lines = 15;
  const middle = between(800, 960);
  let picture = glow(middle, 260, 500, tone(0.36));
  for (let at = 0; at < lines; at += 1) {
    const base = 210 + at * 31;
    const peaks = Array.from({ length: 7 }, () => [between(430, 1190), between(14, 60), between(22, 70)] as const);
    let path = `M-5 ${HEIGHT + 5} L-5 ${base}`;
    for (let x = 0; x <= WIDTH + 10; x += 10) {
      const envelope = Math.exp(-(((x - middle) / 300) ** 2));
      let height = 0;
      for (const [peak, wide, tall] of peaks) height += tall * Math.exp(-(((x - peak) / wide) ** 2));
      path += ` L${x} ${round(base - height * envelope * 1.5 - Math.sin(x / 37 + at) * 2)}`;
    }
    picture += `<path d="${path} V${HEIGHT + 5} z" fill="${tone(0.04 + at * 0.004)}" stroke="${tone(0.55)}" stroke-width="2"/>`;
  }
  return picture;
};

type Point = readonly [x: number, y: number];

function polar(x: number, y: number, radius: number, angle: number): Point {
  return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
}

function polygon(points: readonly Point[], fill: string): string {
  return `<polygon points="${points.map((point) => point.map(round).join()).join(' ')}" fill="${fill}"/>`;
}

function circle(x: number, y: number, radius: number, fill: string): string {
  return `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${fill}"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string, width: number): string {
  return `<path d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" stroke="${stroke}" stroke-width="${width}"/>`;
}

/** Light that fades into the paper. */
function glow(x: number, y: number, radius: number, colour: string): string {
  return `<radialGradient id="glow"><stop offset="0" stop-color="${colour}"/>
    <stop offset="1" stop-color="${colour}" stop-opacity="0"/></radialGradient>${circle(x, y, radius, 'url(#glow)')}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
