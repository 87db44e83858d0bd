// One of the processes that are replaced: serves the descriptor that it inherits, says when it is ready, drains on SIGTERM.

import { listen } from '@tsgi/adapter-unix-socket';
import { fromFastify } from '@tsgi/bridge-node';
import { loadApplication } from '../load/application.ts';

const listening = await listen(fromFastify(loadApplication()), 'fd://3');
process.on('SIGTERM', async () => {
  await listening.drain();
  process.exit();
});
// A parent that is gone leaves nothing running.
process.on('disconnect', () => process.exit());
process.send?.('ready');
