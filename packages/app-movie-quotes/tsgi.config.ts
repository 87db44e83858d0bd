// How Movie Quotes is served. A TSGI_* variable or a flag comes before what stands here.

import { defineConfig } from 'tsgi';

export default defineConfig({
  app: './gateway.ts:createApplication()',
  name: 'movie-quotes',
  bind: '127.0.0.1:5000',
  // The application writes a line for each request itself; see LOG_REQUESTS.
  accessLogfile: 'off',
});
