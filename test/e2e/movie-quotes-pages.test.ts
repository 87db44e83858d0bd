// The pages of Movie Quotes in a real browser, as somebody sees, hears and walks through them. Their screenshots are kept in
// the folder that MQ_SCREENSHOTS names.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type Test, test } from 'tap';
import { ROOT } from '../markdown.ts';
import { serve } from './fixtures/served.ts';

const PACKAGE = join(ROOT, 'packages/app-movie-quotes');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const skip = CHROMIUM === undefined && 'skipped: there is no Chromium';

/** The bytes that a page may take from the network at the first visit, its card aside. */
const MOST_BYTES = 50_000;
const PHONE = { width: 390, height: 844 };
const WIDE = { width: 1440, height: 900 };

const PAGES: Readonly<Record<string, string>> = {
  today: '/',
  quote: '/quotes/40',
  'quote-long': '/quotes/2',
  quotes: '/quotes',
  'quotes-found': '/quotes?search=love&sort=-year',
  'quotes-none': '/quotes?search=zzz',
  'quotes-last': '/quotes?page=1000',
  films: '/films',
  'films-decade': '/films?decade=1980',
  film: '/films/45',
  trending: '/trending',
  credits: '/about',
  api: '/docs',
  'sign-in': '/admin',
  'not-found': '/nothing',
  'bad-address': '/quotes?page=x',
};

/** A server with a fresh catalogue; gives its address, with the mount path and no `/` at its end. */
async function start(t: Test, mountPath = ''): Promise<string> {
  const served = serve(t, ['--config', join(PACKAGE, 'tsgi.config.ts'), '--bind', '127.0.0.1:0'], {
    app: `${join(PACKAGE, 'gateway.ts')}:createApplication()`,
    env: {
      DATABASE_FILE: join(t.testdir({}), 'quotes.sqlite'),
      SESSION_SECRET: 'thirty-two characters and some more',
      LOG_LEVEL: 'warn',
      ...(mountPath !== '' && { TSGI_MOUNT_PATH: mountPath }),
    },
  });
  const target = await served.target();
  return `http://127.0.0.1:${target.kind === 'tcp' ? target.port : 0}${mountPath}`;
}

async function launch(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  return browser;
}

/** What went wrong on a page so far: messages of the console, requests to other hosts, words that moved. */
interface Watched {
  readonly page: Page;
  readonly complaints: string[];
  shift(): Promise<number>;
}

async function watch(context: BrowserContext, site: string): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Every page that is an error is one of these.
    if (['error', 'warning'].includes(message.type()) && !message.text().includes('status of 40')) {
      complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).host !== new URL(site).host) complaints.push(`asks ${request.url()}`);
  });
  // Text, here and below, where it runs in the page: there are other globals than here.
  await page.addInitScript(`
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) globalThis.shift += value;
    }).observe({ type: 'layout-shift', buffered: true });
  `);
  return { page, complaints, shift: () => page.evaluate<number>('shift') };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

/** What axe finds, in a line each. */
async function look(page: Page): Promise<string[]> {
  // By the debugger, which the policy of the page does not bind.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>("axe.run(document, { resultTypes: ['violations'] })");
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).slice(0, 3)}`);
}

/** How many pixels it is wider than the screen. */
const overflowOf = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth - innerWidth');

/** The id of the element that has the focus. */
const focusOf = (page: Page): Promise<string> => page.evaluate('document.activeElement.id');

/** Goes to the card, where there is one, and waits until it is there. */
const CARD = `Promise.all([...document.images].map((image) => {
  image.scrollIntoView();
  return image.complete || new Promise((done) => (image.onload = image.onerror = done));
}))`;

const like = (site: string, id: number): Promise<Response> =>
  fetch(`${site}/quotes/${id}/likes`, { method: 'POST', body: new URLSearchParams({ like: 'on' }) });

test('every page is whole on phones and wide screens, by day and by night', { skip }, async (t) => {
  const folder = process.env.MQ_SCREENSHOTS ?? t.testdir({});
  mkdirSync(folder, { recursive: true });
  const site = await start(t);
  const browser = await launch(t);
  for (const id of [7, 7, 7, 90, 90, 140, 180, 230, 300]) await like(site, id);
  for (const [size, viewport] of Object.entries({ phone: PHONE, wide: WIDE })) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' });
      for (const [name, path] of Object.entries(PAGES)) {
        const { page, complaints, shift } = await watch(context, site);
        await page.goto(site + path);
        await page.evaluate(CARD);
        await page.evaluate('document.fonts.ready');
        await page.evaluate('scrollTo(0, 0)');
        const title = `${name}, ${size}, ${colorScheme}`;
        // Before the screenshot, for which the screen becomes as high as the page.
        t.equal(await shift(), 0, `${title}: nothing moves`);
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true });
        // Each size once, and each light once.
        if ((size === 'phone') === (colorScheme === 'light'))
          t.same(await look(page), [], `${title}: axe finds nothing`);
        t.same(complaints, [], `${title}: nothing to complain of`);
        t.ok((await overflowOf(page)) <= 0, `${title}: not wider than the screen`);
        await page.close();
      }
      await context.close();
    }
  }
  const special: Record<string, BrowserContextOptions> = {
    'forced-colors': { forcedColors: 'active', colorScheme: 'dark' },
    narrow: { viewport: { width: 320, height: 640 } },
    large: { viewport: { width: 2560, height: 1440 } },
  };
  for (const [kind, options] of Object.entries(special)) {
    const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options });
    for (const name of ['today', 'quote', 'quotes', 'films', 'film'] as const) {
      const page = await context.newPage();
      await page.goto(site + PAGES[name]);
      await page.screenshot({ path: join(folder, `${name}-${kind}.png`), fullPage: kind !== 'large' });
      t.ok((await overflowOf(page)) <= 0, `${name}, ${kind}: not wider than the screen`);
      await page.close();
    }
    await context.close();
  }
  const context = await browser.newContext({ viewport: { width: 794, height: 1123 } });
  const page = await context.newPage();
  await page.emulateMedia({ media: 'print' });
  for (const name of ['today', 'quotes', 'film', 'credits']) {
    await page.goto(site + PAGES[name]);
    await page.screenshot({ path: join(folder, `${name}-print.png`) });
    t.notOk(await page.locator('.menu').isVisible(), `${name} is printed without a menu`);
  }
});

test('a first visit takes less than 50 KB, and nothing from anywhere else', { skip }, async (t) => {
  const site = await start(t);
  const browser = await launch(t);
  for (const [name, path] of Object.entries(PAGES)) {
    const context = await browser.newContext({ viewport: PHONE });
    const { page, complaints } = await watch(context, site);
    const network = await context.newCDPSession(page);
    const sizes = new Map<string, number>();
    const cards = new Set<string>();
    network.on('Network.requestWillBeSent', ({ requestId, request }) => {
      if (request.url.endsWith('/card.png')) cards.add(requestId);
    });
    network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) =>
      sizes.set(requestId, encodedDataLength),
    );
    await network.send('Network.enable');
    await page.goto(site + path);
    await page.evaluate('document.fonts.ready');
    const bytes = [...sizes].reduce((sum, [id, size]) => sum + (cards.has(id) ? 0 : size), 0);
    t.ok(bytes > 10_000 && bytes < MOST_BYTES, `${name}: ${bytes} bytes`);
    t.same(complaints, []);
    await context.close();
  }
});

for (const mountPath of ['', '/cinema/tonight']) {
  test(`every link of every page leads somewhere, mounted at ${mountPath || '/'}`, async (t) => {
    const site = await start(t, mountPath);
    const seen = new Set<string>([`${site}/`]);
    const wrong: string[] = [];
    let cards = 0;
    // A set gives what is added to it meanwhile as well.
    for (const url of seen) {
      if (url.endsWith('/card.png') && ++cards > 3) continue;
      const response = await fetch(url);
      const text = await response.text();
      if (response.status !== 200 && response.status !== 503) wrong.push(`${response.status} ${url}`);
      if (!response.headers.get('content-type')?.startsWith('text/html')) continue;
      for (const [, link = ''] of text.matchAll(/\b(?:href|src)="([^"#]+)[^"]*"/g)) {
        const next = new URL(link.replaceAll('&amp;', '&'), response.url).href;
        if (!next.startsWith(`${site}/`)) wrong.push(`${url} leads away, to ${next}`);
        // One search and one order of the table are enough.
        else if (!/sort=-?(film|speaker)/.test(next)) seen.add(next);
      }
    }
    t.same(wrong, []);
    t.ok(seen.size > 700, `${seen.size} addresses`);
  });
}

test('a like needs no script', { skip }, async (t) => {
  const site = await start(t);
  const browser = await launch(t);
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${site}/quotes/40`);
  const heart = page.getByRole('button', { name: 'Like' });
  t.equal(await heart.getAttribute('aria-pressed'), 'false');
  await heart.click();
  t.equal(page.url(), `${site}/quotes/40`);
  t.equal(await heart.getAttribute('aria-pressed'), 'true');
  t.match(await heart.textContent(), /^\s*Like 1\s*$/);
  await heart.click();
  t.equal(await heart.getAttribute('aria-pressed'), 'false', 'pressing again takes it back');
  await page.goto(`${site}/quotes`);
  await page.getByRole('searchbox').fill('wonderful life');
  await page.getByRole('button', { name: 'Search' }).click();
  t.match(page.url(), /\/quotes\?search=wonderful\+life$/);
  await page.locator('#sort-year').click();
  t.match(page.url(), /\/quotes\?search=wonderful\+life&sort=year$/);
  t.equal(await page.getByRole('columnheader', { name: 'Year' }).getAttribute('aria-sort'), 'ascending');
});

/** Marks the document that is shown, so that another one can be told from it. */
const mark = (page: Page) => page.evaluate('globalThis.marked = true');
const isMarked = (page: Page) => page.evaluate<boolean>("'marked' in globalThis");

test('with a script a like does not reload the page, is told, and is seen by others', { skip }, async (t) => {
  const site = await start(t, '/cinema');
  const browser = await launch(t);
  const [mine, other] = [await browser.newContext(), await browser.newContext()];
  const { page, complaints } = await watch(mine, site);
  const { page: theirs } = await watch(other, site);
  const listening = theirs.waitForResponse((response) => response.url().endsWith('/api/v1/reactions/stream'));
  await theirs.goto(`${site}/quotes/40`);
  await listening;
  await page.goto(`${site}/quotes/40`);
  await mark(page);
  await page.locator('#heart').focus();
  await page.keyboard.press('Enter');
  await page.locator('#heart[aria-pressed="true"]').waitFor();
  t.equal(await page.locator('.count').textContent(), '1');
  t.match(await page.getByRole('status').textContent(), 'Liked. Likes: 1');
  t.equal(await focusOf(page), 'heart', 'the focus stays');
  await theirs.locator('.count', { hasText: '1' }).waitFor();
  t.equal(await theirs.locator('#heart').getAttribute('aria-pressed'), 'false', 'to others it is not theirs');
  await page.keyboard.press('Space');
  await page.locator('#heart[aria-pressed="false"]').waitFor();
  t.match(await page.getByRole('status').textContent(), 'Not liked any more. Likes: 0');
  await theirs.locator('.count:empty').waitFor({ state: 'attached' });
  t.ok(await isMarked(page), 'the page was not loaded again');
  t.equal(await page.locator('.label', { hasText: 'Seen' }).count(), 0);
  await page.reload();
  t.equal(await page.locator('#heart').getAttribute('aria-pressed'), 'false');
  t.same(complaints, []);
});

test('with a script a search does not reload the page, is in its address, and is taken back by going back', {
  skip,
}, async (t) => {
  const site = await start(t);
  const browser = await launch(t);
  const { page, complaints } = await watch(await browser.newContext(), site);
  const found = page.locator('.found');
  await page.goto(`${site}/quotes`);
  const all = (await found.textContent()) as string;
  await mark(page);

  await page.getByRole('searchbox').pressSequentially('love');
  await page.waitForURL(`${site}/quotes?search=love`);
  await found.filter({ hasText: 'with “love”' }).waitFor();
  t.match(await page.getByRole('status').textContent(), /^\d+ quotes with “love”$/);
  t.match(await page.title(), /^“love”/);
  t.equal(await focusOf(page), 'search', 'one goes on typing');

  await page.locator('#sort-year').click();
  await page.waitForURL(`${site}/quotes?search=love&sort=year`);
  await page.locator('th[aria-sort="ascending"]').waitFor();
  t.equal(await focusOf(page), 'sort-year', 'the focus stays');

  await page.getByRole('searchbox').fill('houston');
  await page.waitForURL(`${site}/quotes?search=houston&sort=year`);
  await found.filter({ hasText: '“houston”' }).waitFor();

  await page.goBack();
  await found.filter({ hasText: '“love”' }).waitFor();
  t.equal(await page.getByRole('searchbox').inputValue(), 'love');
  await page.goBack();
  await found.filter({ hasText: all }).waitFor();
  t.equal(await page.getByRole('searchbox').inputValue(), '');
  t.equal(page.url(), `${site}/quotes`);

  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL(`${site}/quotes?page=2`);
  await page.locator('#page-2[aria-current="page"]').waitFor();
  t.ok(await isMarked(page), 'all of it was one page');

  await page.getByRole('table').getByRole('link').nth(3).click();
  await page.waitForURL(/\/quotes\/\d+$/);
  await page.goBack();
  await page.locator('#page-2[aria-current="page"]').waitFor();
  t.same(complaints, []);
});

test('a quote is found, read and liked by the keyboard alone, and one sees where one is', { skip }, async (t) => {
  const site = await start(t);
  const browser = await launch(t);
  const { page } = await watch(await browser.newContext({ viewport: WIDE }), site);
  /** The element that has the focus: its words, and whether one sees that it has. */
  const focused = () =>
    page.evaluate<{ text: string; seen: boolean; inMain: boolean; over: boolean }>(`(() => {
      const element = document.activeElement;
      const { outlineStyle, textDecorationLine } = getComputedStyle(element);
      const { width, x } = element.getBoundingClientRect();
      return {
        text: element.innerText.replace(/\\s+/g, ' ').trim().toLowerCase(),
        seen: (outlineStyle !== 'none' || textDecorationLine.includes('underline')) && width > 0 && x >= 0,
        inMain: element.closest('main') !== null,
        over: element === document.body,
      };
    })()`);
  const walk = async (): Promise<string[]> => {
    const texts: string[] = [];
    for (let steps = 0; steps < 60; steps++) {
      await page.keyboard.press('Tab');
      const { text, seen, over } = await focused();
      if (over) break;
      t.ok(seen, `the focus is seen: ${text}`);
      texts.push(text);
    }
    return texts;
  };
  await page.goto(`${site}/quotes/40`);
  t.same(await walk(), [
    'skip to the content',
    'movie quotes',
    'today',
    'quotes',
    'films',
    'trending',
    'it’s a wonderful life',
    'like',
    'another one',
    'keep the card',
    'as json',
    'api',
    'feed',
    'credits',
  ]);

  await page.goto(`${site}/`);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  t.ok((await focused()).inMain, 'the menu is skipped');

  await page.goto(`${site}/quotes`);
  await page.getByRole('searchbox').focus();
  await page.keyboard.type('wizard');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/quotes?search=wizard`);
});
