// How Movie Quotes is served. A TSGI_* variable or a flag comes before what stands here.

import { join } from 'node:path';
import { defineConfig } from 'tsgi';

export default defineConfig({
  app: './gateway.ts:createApplication()',
  name: 'movie-quotes',
  bind: '127.0.0.1:5000',
  envFile: join(import.meta.dirname, 'workers.env'),
  // The application writes a line for each request itself; see LOG_REQUESTS.
  accessLogfile: 'off',
});
