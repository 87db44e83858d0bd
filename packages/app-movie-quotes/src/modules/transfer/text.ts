// Bytes of a file as text: UTF-8, or UTF-16 where a byte-order mark says so. Everything else is refused and not guessed.

import { BadInput } from './bad-input.ts';

const TODO = 'save it as UTF-8';
const LINE_FEED = 0x0a;

/** The text of `bytes`, without a byte-order mark. Throws a {@link BadInput} that names the line of what is no text. */
export async function* decode(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let held = Buffer.alloc(0);
  let line = 1;
  /** The end of the block before: a character may have begun there. */
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    let block = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (decoder === undefined) {
      // A pipe may give its first bytes one by one.
      held = Buffer.concat([held, block]);
      if (held.length < 4) continue;
      block = held;
      decoder = decoderOf(block);
    }
    yield decodeBlock(decoder, tail, block, line);
    for (let at = block.indexOf(LINE_FEED); at !== -1; at = block.indexOf(LINE_FEED, at + 1)) line++;
    tail = Buffer.concat([tail, block]).subarray(-3);
    tail = tail.subarray(tail.lastIndexOf(LINE_FEED) + 1);
  }
  if (decoder === undefined) {
    decoder = decoderOf(held);
    yield decodeBlock(decoder, tail, held, line);
  }
  try {
    yield decoder.decode();
  } catch (cause) {
    throw new BadInput(`line ${line} ends in the middle of a character`, TODO, { cause });
  }
}

/** By the byte-order mark (Unicode section 23.8), which the decoder then leaves out. */
function decoderOf(head: Buffer): TextDecoder {
  const is = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  if (is(0xff, 0xfe, 0, 0) || is(0, 0, 0xfe, 0xff)) throw new BadInput('the text is in UTF-32', TODO);
  if (is(0xff, 0xfe)) return new TextDecoder('utf-16le', { fatal: true });
  if (is(0xfe, 0xff)) return new TextDecoder('utf-16be', { fatal: true });
  if (head.subarray(0, 4).includes(0)) throw new BadInput('this is no text, or UTF-16 without a byte-order mark', TODO);
  return new TextDecoder('utf-8', { fatal: true });
}

function decodeBlock(decoder: TextDecoder, tail: Buffer, block: Buffer, line: number): string {
  try {
    return decoder.decode(block, { stream: true });
  } catch (cause) {
    if (decoder.encoding !== 'utf-8')
      throw new BadInput('there is half a character in the UTF-16 text', TODO, { cause });
    throw new BadInput(`line ${line + linesBeforeFault(Buffer.concat([tail, block]))} is not UTF-8`, TODO, { cause });
  }
}

/** How many lines of `block` are UTF-8 before one that is not. */
function linesBeforeFault(block: Buffer): number {
  // Its first bytes may be the end of a character.
  let start = 0;
  while (start < 3 && ((block[start] ?? 0) & 0xc0) === 0x80) start++;
  for (let lines = 0; ; lines++) {
    const end = block.indexOf(LINE_FEED, start);
    if (end === -1) return lines;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(block.subarray(start, end));
    } catch {
      return lines;
    }
    start = end + 1;
  }
}
