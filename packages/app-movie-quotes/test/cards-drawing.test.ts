// How a card is drawn.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Card, drawCard } from '../src/modules/cards/draw.ts';
import { eraOf } from '../src/modules/cards/eras.ts';
import { pictureOf } from '../src/modules/cards/picture.ts';
import { sizeOfPng } from './fixtures/png.ts';

const CASABLANCA: Card = {
  film: 'Casablanca',
  year: 1942,
  content: 'We’ll always have Paris.',
  speaker: 'Rick Blaine',
};

t.test('A card is a PNG of the size that pages are shared with', async (t) => {
  t.same(sizeOfPng(await drawCard(CASABLANCA)), [1200, 630]);
});

t.test('The same quote gives the same bytes', async (t) => {
  t.ok((await drawCard(CASABLANCA)).equals(await drawCard({ ...CASABLANCA })));
});

t.test('Words of any length and of any script are drawn', async (t) => {
  const texts = {
    'one letter': 'I',
    'a quote as long as one may be': 'We’ll always have Paris. '.repeat(20).trim(),
    'one word without an end': 'a'.repeat(500),
    'other Latin letters': 'Ďábel, Łódź, İstanbul, Œuvre, Škoda',
    'letters that no font here has': 'Жук 漢字 بحر',
    'nothing that can be seen': '😀👩‍👩‍👧\u200f\u0000\ufe0f',
    'halves of characters': '\ud800x\udc00',
    markup: '<b>&amp;</b><script>alert(1)</script>{}url(x)',
  };
  for (const [name, text] of Object.entries(texts)) {
    const card = { film: text.slice(0, 200), year: 1942, content: text, speaker: text.slice(0, 200) };
    t.same(sizeOfPng(await drawCard(card)), [1200, 630], name);
  }
});

t.test('Each time has a picture, and each film another one', async (t) => {
  const pictures = [1888, 1931, 1942, 1955, 1964, 1975, 1985, 1994, 2005, 2014, 2100].map((year) =>
    pictureOf({ film: 'Casablanca', year }),
  );
  t.equal(new Set(pictures).size, pictures.length);
  for (const picture of pictures) t.notMatch(picture, /NaN|undefined|Infinity/);
  t.not(pictureOf({ film: 'Gilda', year: 1942 }), pictureOf(CASABLANCA));
});

t.test('A card has the colours that the pages of its time have by night', async (t) => {
  const style = readFileSync(join(import.meta.dirname, '../src/public/style.css'), 'utf8');
  for (let year = 1930; year <= 2010; year += 10) {
    const rules = new RegExp(`\\.era-${year} \\{([^}]+)\\}`).exec(style)?.[1] ?? '';
    const byNight = Object.fromEntries(
      [...rules.matchAll(/--(\w+): light-dark\(\S+, (\S+)\)/g)].map(([, name, colour]) => [name, colour]),
    );
    const { paper, ink, accent } = eraOf(year);
    t.same(byNight, { paper, ink, accent }, `${year}`);
  }
});
