// The figures: ratios of two servers within the same slices of time, their median, and how sure it is.

/** The middle value; NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the share `q` (0 to 1) of the values lies, linear between two of them; NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** What one server used and answered in one slice. */
export interface Slice {
  /** Microseconds of CPU time. */
  readonly cpu: number;
  readonly requests: number;
}

/** CPU time per request of `server` over that of `baseline`, slice by slice. Slices in which one answered nothing are left out. */
export function pairedRatios(server: readonly Slice[], baseline: readonly Slice[]): number[] {
  const ratios: number[] = [];
  for (const [i, mine] of server.entries()) {
    const theirs = baseline[i];
    if (theirs === undefined || mine.requests === 0 || theirs.requests === 0) continue;
    ratios.push(mine.cpu / mine.requests / (theirs.cpu / theirs.requests));
  }
  return ratios;
}

/** A figure and the interval that holds it with 95%. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/**
 * The median of all ratios of all rounds, with its 95% interval by bootstrap. A round is a set of fresh processes: each
 * process has its own layout in memory and its own luck with the optimiser, which every one of its slices shares. So
 * rounds are drawn first, and slices within them; drawing slices alone would give an interval that is far too narrow.
 */
export function estimate(rounds: readonly (readonly number[])[]): Estimate {
  const value = median(rounds.flat());
  const random = generator(0x75_67_69);
  const draw = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const filled = rounds.filter((ratios) => ratios.length > 0);
  if (filled.length === 0) return { value, low: Number.NaN, high: Number.NaN };
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(
      filled.flatMap(() => {
        const round = draw(filled);
        return round.map(() => draw(round));
      }),
    ),
  );
  return { value, low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

/** Numbers from 0 to 1, the same ones for the same seed, so that a file of raw figures gives the same table again (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
