// The page that Nginx shows while the application does not answer: it needs nothing else, in light and in dark.

export const ERROR_PAGE: string = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <meta name="color-scheme" content="light dark">
  <title>Not available</title>
  <style>
    body { font: 1.125rem/1.6 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1rem }
  </style>
  <h1>Not available at the moment</h1>
  <p>This site does not answer just now. Try it again in a minute.</p>
</html>
`;
