// The looks that a picture can have, one a decade: its colours by night, as in public/style.css, and the picture that is
// drawn in them.

import {
  atomicAge,
  cutPaper,
  dotScreen,
  filmNoir,
  type Motif,
  musicHall,
  ridges,
  scanner,
  sunsetGrid,
  supergraphic,
} from './motifs.ts';

export interface Colours {
  readonly paper: string;
  readonly ink: string;
  readonly accent: string;
}

export interface Era extends Colours {
  readonly motif: Motif;
}

const ERAS: Readonly<Record<number, Era>> = {
  1930: { paper: '#151413', ink: '#efe9dc', accent: '#dcb763', motif: musicHall },
  1940: { paper: '#101317', ink: '#eceef0', accent: '#ff6b78', motif: filmNoir },
  1950: { paper: '#0c1a1d', ink: '#f5ead4', accent: '#55d3d0', motif: atomicAge },
  1960: { paper: '#181310', ink: '#f6ecdb', accent: '#ff9d52', motif: cutPaper },
  1970: { paper: '#1b140b', ink: '#f3e4c4', accent: '#f2b544', motif: supergraphic },
  1980: { paper: '#150b20', ink: '#fae9f7', accent: '#ff66d4', motif: sunsetGrid },
  1990: { paper: '#0a1512', ink: '#e4f2ea', accent: '#57e3ab', motif: dotScreen },
  2000: { paper: '#08141b', ink: '#e6f1f7', accent: '#5fc9ff', motif: scanner },
  2010: { paper: '#110e1e', ink: '#eeeafb', accent: '#ab9dff', motif: ridges },
};

/** The look of a film's time: what came before is shown as the first, and what came after as the last. */
export function eraOf(year: number): Era {
  return ERAS[Math.min(Math.max(Math.floor(year / 10) * 10, 1930), 2010)] as Era;
}
