// The application as Watt takes it: it calls `create` in each worker, and listens itself.

import { createApp } from './app.mjs';

export const create = () => createApp();
