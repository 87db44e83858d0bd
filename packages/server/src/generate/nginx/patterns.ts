// Paths as `location` has them, in a `map` of $uri.

/** `/prefix`, `=/path` or `~pattern`, as a key of a `map`. */
export function patternOf(path: string): string {
  if (path.startsWith('=')) return quote(path.slice(1));
  return quote(path.startsWith('~') ? path : `~^${escapePattern(path)}`);
}

/** What a text means in a regular expression is the text itself. */
export function escapePattern(text: string): string {
  return text.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&');
}

function quote(text: string): string {
  return /[{};\s]/.test(text) ? `"${text}"` : text;
}
