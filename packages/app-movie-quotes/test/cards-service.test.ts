// Cards as they are asked for: drawn once, kept on disk, given up, refused.

import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { Card } from '../src/modules/cards/draw.ts';
import { type CardService, createCardService } from '../src/modules/cards/service.ts';
import { temporaryFolder } from './fixtures/movie-quotes.ts';
import { sizeOfPng } from './fixtures/png.ts';

interface Options {
  readonly folder: string;
  readonly maxBytes?: number;
  readonly queue?: number;
  readonly log?: FastifyBaseLogger;
}

const SILENT = pino({ level: 'silent' }) as FastifyBaseLogger;

function startCards(t: Test, { folder, maxBytes = 0, queue = 4, log = SILENT }: Options): CardService {
  const cards = createCardService({ folder, maxBytes, queue, threads: 1, log });
  t.teardown(() => cards.close());
  return cards;
}

/** The card of a film of its own. */
const card = (film: string): Card => ({ film, year: 1942, content: 'Here’s looking at you, kid.', speaker: 'Rick' });

/** The error that a promise is rejected with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** A client that stays. */
const STAYS = new AbortController().signal;

/** Keeps the only thread busy until the function that it returns is called. */
function occupy(cards: CardService): () => Promise<void> {
  const leaving = new AbortController();
  const work = cards.work(60_000, leaving.signal);
  return async () => {
    leaving.abort();
    await work.catch(() => {});
  };
}

t.test('Many who ask for one card at the same time get one drawing', async (t) => {
  const cards = startCards(t, { folder: 'unused' });
  const pictures = await Promise.all(Array.from({ length: 20 }, () => cards.picture(card('Casablanca'), STAYS)));
  t.same(sizeOfPng(pictures[0] as Buffer), [1200, 630]);
  t.equal(new Set(pictures).size, 1);
});

t.test('What is above the queue is refused at once, and what was taken is drawn', async (t) => {
  const cards = startCards(t, { folder: 'unused', queue: 2 });
  const release = occupy(cards);
  const taken = ['A', 'B'].map((film) => cards.picture(card(film), STAYS));
  const also = cards.picture(card('B'), STAYS);
  t.match(await errorOf(cards.picture(card('C'), STAYS)), { statusCode: 503, retryAfter: Number });
  await release();
  for (const picture of [...taken, also]) t.same(sizeOfPng(await picture), [1200, 630]);
  t.same(sizeOfPng(await cards.picture(card('C'), STAYS)), [1200, 630]);
});

t.test('A card is given up when all who asked for it have left, and not before', async (t) => {
  const cards = startCards(t, { folder: 'unused', queue: 1 });
  const release = occupy(cards);
  const [first, second] = [new AbortController(), new AbortController()];
  const asked = [first, second].map(({ signal }) => cards.picture(card('A'), signal));
  const left = asked.map((picture) => t.rejects(picture, { name: 'AbortError' }));

  first.abort();
  await left[0];
  t.match(await errorOf(cards.picture(card('B'), STAYS)), { statusCode: 503 }, 'the other one still waits');
  second.abort();
  await left[1];
  const instead = cards.picture(card('B'), STAYS);
  t.match(await errorOf(cards.picture(card('A'), STAYS)), { statusCode: 503 }, 'its place went to another card');
  await release();
  t.same(sizeOfPng(await instead), [1200, 630]);
});

t.test('One who leaves does not take the card from the others, and who has left already gets none', async (t) => {
  const cards = startCards(t, { folder: 'unused' });
  const leaving = new AbortController();
  const left = t.rejects(cards.picture(card('A'), leaving.signal), { name: 'AbortError' });
  const stays = cards.picture(card('A'), STAYS);
  leaving.abort();
  await left;
  t.same(sizeOfPng(await stays), [1200, 630]);
  await t.rejects(cards.picture(card('A'), leaving.signal), { name: 'AbortError' });
});

t.test('A long task whose client leaves gives its thread to the next', async (t) => {
  const cards = startCards(t, { folder: 'unused' });
  const leaving = new AbortController();
  const work = cards.work(60_000, leaving.signal);
  const next = cards.work(1, STAYS);
  leaving.abort();
  await t.rejects(work, { name: 'AbortError' });
  t.match(await next, { ms: 1, blocks: Number });
});

t.test('What waits or runs when the service is closed is refused', async (t) => {
  const cards = startCards(t, { folder: 'unused' });
  const refused = Promise.all([cards.work(60_000, STAYS), cards.picture(card('A'), STAYS)].map(errorOf));
  await cards.close();
  t.match(await refused, [{ statusCode: 503 }, { statusCode: 503 }]);
  t.match(await errorOf(cards.picture(card('A'), STAYS)), { statusCode: 503 });
});

t.test('A card that one process has drawn is read from the disk by another', async (t) => {
  const folder = join(temporaryFolder(t), 'made/where/missing');
  const drawn = await startCards(t, { folder, maxBytes: 10e6 }).picture(card('A'), STAYS);
  // Its only thread is busy and none may wait, so it cannot draw.
  const other = startCards(t, { folder, maxBytes: 10e6, queue: 0 });
  const release = occupy(other);
  t.ok((await other.picture(card('A'), STAYS)).equals(drawn));
  t.match(await errorOf(other.picture(card('B'), STAYS)), { statusCode: 503 });
  await release();
});

t.test('A file that is not whole is drawn again', async (t) => {
  const folder = temporaryFolder(t);
  const cards = startCards(t, { folder, maxBytes: 10e6 });
  const drawn = await cards.picture(card('A'), STAYS);
  const file = join(folder, readdirSync(folder)[0] as string);
  truncateSync(file, 1000);
  t.ok((await cards.picture(card('A'), STAYS)).equals(drawn));
  t.ok(readFileSync(file).equals(drawn), 'and kept whole');
});

t.test('The folder stays within its size; what was read least recently goes, and only cards', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'letter.png'), 'not ours');
  const size = (await startCards(t, { folder: 'unused' }).picture(card('A'), STAYS)).length;
  const cards = startCards(t, { folder, maxBytes: 4 * size });
  const fileOf = (film: string) => join(folder, `${cards.nameOf(card(film))}.png`);

  for (const [at, film] of ['A', 'B', 'C'].entries()) {
    await cards.picture(card(film), STAYS);
    utimesSync(fileOf(film), 1_000_000 + at, 1_000_000 + at);
  }
  await cards.picture(card('A'), STAYS); // Read again: now B is the oldest.
  for (const film of ['D', 'E', 'F']) await cards.picture(card(film), STAYS);

  const names = readdirSync(folder);
  const total = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  t.ok(total <= 4 * size, `${total} of ${4 * size}`);
  const kept = ['A', 'B', 'C', 'D', 'E', 'F'].filter((film) => names.includes(`${cards.nameOf(card(film))}.png`));
  t.ok(kept.includes('F'));
  t.notOk(kept.includes('B'));
  t.equal(readFileSync(join(folder, 'letter.png'), 'utf8'), 'not ours');
});

t.test('Where nothing can be kept, cards are drawn all the same, and the log says so once', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }) as FastifyBaseLogger;
  const cards = startCards(t, { folder: join(file, 'cards'), maxBytes: 10e6, log });
  for (const film of ['A', 'B', 'A']) t.same(sizeOfPng(await cards.picture(card(film), STAYS)), [1200, 630]);
  t.equal(lines.length, 1);
  t.match(lines[0], file);
});

t.test('What cannot be kept leaves nothing half-written', async (t) => {
  const folder = temporaryFolder(t);
  const cards = startCards(t, { folder, maxBytes: 10e6 });
  const name = `${cards.nameOf(card('A'))}.png`;
  mkdirSync(join(folder, name)); // So that its last step fails.
  t.same(sizeOfPng(await cards.picture(card('A'), STAYS)), [1200, 630]);
  t.same(readdirSync(folder), [name]);
});

t.test('A card has another name for each thing that changes its picture', async (t) => {
  const cards = startCards(t, { folder: 'unused' });
  const changes = [{}, { film: 'x' }, { year: 1943 }, { content: 'x' }, { speaker: 'x' }];
  t.equal(new Set(changes.map((change) => cards.nameOf({ ...card('A'), ...change }))).size, changes.length);
  t.equal(cards.nameOf(card('A')), startCards(t, { folder: 'unused' }).nameOf(card('A')));
});
