// What Nginx itself answers: while the application does not, and to what it does not pass on. They need nothing else.

/** In light and in dark. */
const page = (title: string, heads: string, body: string): string => `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="robots" content="noindex">
${heads}  <title>${title}</title>
  <style>
    body { font: 1.125rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 4rem; padding: 0 1.25rem }
    h1 { font-size: 1.75rem; line-height: 1.25 }
  </style>
  <h1>${title}</h1>
${body}</html>
`;

/** It asks again by itself, with GET: what a form has sent is not sent twice. */
export const UNAVAILABLE_PAGE: string = page(
  'Not available at the moment',
  '  <meta http-equiv="refresh" content="10">\n',
  `  <p>The site does not answer just now. Mostly that is over in less than a minute.</p>
  <p><strong>You need not do anything:</strong> this page tries again every 10 seconds.</p>
  <p>If you have just sent a form, go back once the site answers again, see whether it arrived, and send it again if it did not.</p>
  <p>If this stays for longer, tell whoever runs the site what you see here, and when.</p>
`,
);

/** RFC 9457. It has no status of its own, as it stands for several. */
export const UNAVAILABLE_JSON: string = `${JSON.stringify(
  {
    type: 'about:blank',
    title: 'Not available at the moment',
    detail: 'The application does not answer just now. Try again after the seconds that Retry-After names.',
  },
  null,
  2,
)}\n`;

/** For `return`, with variables in it. */
export const refusalPage = (title: string, detail: string): string => page(title, '', `  <p>${detail}</p>\n`);

/** The same as RFC 9457 has it. */
export const refusalJson = (title: string, detail: string): string =>
  `{"type":"about:blank","title":"${title}","status":$status,"detail":"${detail}"}`;
