// Likes and searches without a new page. What changes is a part of the page with an id: it is fetched as a page, by the same
// addresses that forms and links have without this script, and put in place of the old one.

const said = document.getElementById('said');
const results = document.getElementById('results');
const search = document.getElementById('search');
const like = document.getElementById('like');

/** Tells a screen reader. */
function say(text) {
  said.textContent = text;
}

let latest = new AbortController();

/** Fetches a page and takes its element `id` over into this one. Only the latest one counts. */
async function take(id, url, options) {
  latest.abort();
  latest = new AbortController();
  const response = await fetch(url, { ...options, signal: latest.signal });
  if (!response.ok) throw new Error(response.statusText);
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const [old, fresh] = [document, page].map((from) => from.getElementById(id));
  const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
  old.replaceChildren(...fresh.childNodes);
  if (focused !== '') (document.getElementById(focused) ?? old).focus();
  return page;
}

if (results) {
  const form = search.form;
  let typed = search.value;

  async function show(url, remember) {
    try {
      const page = await take('results', url);
      document.title = page.title;
      if (remember) history[remember](null, '', url);
      say(results.querySelector('.found').textContent);
    } catch (error) {
      // The page itself tells better what is wrong. An older question is no error.
      if (error.name !== 'AbortError') location.assign(url);
    }
  }

  /** The address that the form leads to, without what is left empty. */
  function asked() {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ''));
    return query.size === 0 ? form.action : `${form.action}?${query}`;
  }

  let pause;
  search.addEventListener('input', () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      if (search.value.trim() === typed) return;
      // One entry of the history for a search, however many letters it has.
      const remember = typed === '' ? 'pushState' : 'replaceState';
      typed = search.value.trim();
      show(asked(), remember);
    }, 200);
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(pause);
    typed = search.value.trim();
    show(asked(), asked() === location.href ? undefined : 'pushState');
  });

  results.addEventListener('click', (event) => {
    const link = event.target.closest('thead a, .pager a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const above = link.closest('.pager');
    show(link.href, 'pushState').then(() => above && results.scrollIntoView());
  });

  addEventListener('popstate', () => {
    typed = search.value = new URLSearchParams(location.search).get('search') ?? '';
    show(location.href);
  });
}

if (like) {
  const quoteId = Number(like.dataset.quote);
  const count = () => like.querySelector('.count');

  like.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { name, value } = event.submitter;
    try {
      await take('like', like.action, { method: 'POST', body: new URLSearchParams({ [name]: value }) });
      say(`${value === 'on' ? 'Liked' : 'Not liked any more'}. Likes: ${count().textContent || 0}`);
    } catch {
      say('That did not work. Try again in a moment.');
    }
  });

  // The likes of others, while somebody looks: a page in the background listens to nothing.
  let stream;
  function listen() {
    stream?.close();
    if (document.hidden) return;
    stream = new EventSource(like.dataset.stream);
    for (const kind of ['like', 'unlike']) {
      stream.addEventListener(kind, ({ data }) => {
        const news = JSON.parse(data);
        if (news.quoteId === quoteId && news.likes !== undefined)
          count().textContent = news.likes === 0 ? '' : news.likes.toLocaleString('en-GB');
      });
    }
  }
  document.addEventListener('visibilitychange', listen);
  addEventListener('pagehide', () => stream?.close());
  listen();
}
