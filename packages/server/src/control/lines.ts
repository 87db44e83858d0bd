// Lines out of a stream of bytes, each no longer than a limit. Nothing more is read before the last line is used, so a
// peer that floods is held up by its own socket.

/** What is wrong with a stream of lines. */
export class LineTooLong extends Error {}

/** The lines of `source` without their ends; what follows the last end is none. Throws {@link LineTooLong}. */
export async function* linesOf(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let kept = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      if (kept + end - from > limit) throw new LineTooLong();
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString();
      parts = [];
      kept = 0;
      from = end + 1;
      yield line;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    kept += chunk.length - from;
    if (kept > limit) throw new LineTooLong();
  }
}
