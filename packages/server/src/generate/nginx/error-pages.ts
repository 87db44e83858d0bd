// What Nginx shows while the application does not answer. They need nothing else, and stand for all statuses.

/** In light and in dark. It asks again by itself, with GET: what a form has sent is not sent twice. */
export const UNAVAILABLE_PAGE: string = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="robots" content="noindex">
  <meta http-equiv="refresh" content="10">
  <title>Not available at the moment</title>
  <style>
    body { font: 1.125rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 4rem; padding: 0 1.25rem }
    h1 { font-size: 1.75rem; line-height: 1.25 }
  </style>
  <h1>Not available at the moment</h1>
  <p>The site does not answer just now. Mostly that is over in less than a minute.</p>
  <p><strong>You need not do anything:</strong> this page tries again every 10 seconds.</p>
  <p>If you have just sent a form, go back once the site answers again, see whether it arrived, and send it again if it did not.</p>
  <p>If this stays for longer, tell whoever runs the site what you see here, and when.</p>
</html>
`;

/** RFC 9457. It has no status of its own, as it stands for three. */
export const UNAVAILABLE_JSON: string = `${JSON.stringify(
  {
    type: 'about:blank',
    title: 'Not available at the moment',
    detail: 'The application does not answer just now. Try again after the seconds that Retry-After names.',
  },
  null,
  2,
)}\n`;
