#!/usr/bin/env node
// The command quotes.

import { main } from './program.ts';

process.exitCode = await main(process.argv);
