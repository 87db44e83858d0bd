// Compares what a page says that a program prints with what it printed. The page shows one real run, so whatever differs
// from run to run matches anything of its kind: times, sizes, process ids, hashes. Small numbers are meant as they stand.

/** `...` is any text; the others stand for their kind. */
const VARYING: readonly (readonly [token: RegExp, pattern: string])[] = [
  [/\.\.\./y, '.*'],
  [/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/y, '\\d{4}-\\d\\d-\\d\\d[T ][\\d:.]+Z?'],
  // Of access logs and of ctime(3).
  [/\d\d\/[A-Z][a-z]{2}\/\d{4}:[\d:]+ \+0000/y, '\\d\\d/\\w+/\\d{4}:[\\d:]+ \\+0000'],
  [/[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}/y, '\\w+ \\w+ [ \\d]\\d [\\d:]{8} \\d{4}'],
  [/\d\d:\d\d:\d\d(\.\d+)?/y, '\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?'],
  // Hashes and UUIDs.
  [/\b(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,}(-[\da-f]{4,})*\b/y, '[\\da-f-]+'],
  // An amount with its unit.
  [/\d+(\.\d+)?(?= ?(ms|msecs|s|m|h|MB|kB|%|bytes)(\W|$))/y, '\\d+(\\.\\d+)?'],
  [/\d+(\.\d+)+/y, '\\d+(\\.\\d+)+'],
  // Which of them it was.
  [/(?<=\bworker("?: ?| ))\d+/y, '\\d+'],
  // Process ids.
  [/\d{4,}/y, '\\d+'],
  // Columns are as wide as their widest number.
  [/\s+/y, '\\s+'],
];

/** The lines that a page shows, as patterns. */
function patternOf(line: string): RegExp {
  let pattern = '';
  for (let at = 0; at < line.length; ) {
    const found = VARYING.find(([token]) => {
      token.lastIndex = at;
      return token.test(line);
    });
    pattern += found === undefined ? line.charAt(at).replace(/[.*+?^${}()|[\]\\/]/, '\\$&') : found[1];
    at = found === undefined ? at + 1 : found[0].lastIndex;
  }
  return new RegExp(`^\\s*${pattern}\\s*$`);
}

/** How an output differs from the one that a page shows. */
export interface Difference {
  /** Lines of the page that were not printed. */
  readonly missing: readonly string[];
  /** Lines that were printed, and that the page neither shows nor leaves out by a line of `...`. */
  readonly unexpected: readonly string[];
}

/** Compares line by line; in which order they were printed does not count, as two workers may take turns in any. */
export function compare(shown: string, printed: string): Difference {
  const left = printed.split('\n').filter((line) => line.trim() !== '');
  const expected = shown.split('\n').filter((line) => line.trim() !== '');
  const missing: string[] = [];
  for (const line of expected.filter((line) => line.trim() !== '...')) {
    const pattern = patternOf(line.trim());
    const at = left.findIndex((candidate) => pattern.test(candidate));
    if (at < 0) missing.push(line);
    else left.splice(at, 1);
  }
  return { missing, unexpected: expected.some((line) => line.trim() === '...') ? [] : left };
}
