// What the settings make of an application, whoever sends it requests: a worker, or a one-off process.

import type { TranslateOptions } from '@tsgi/adapter-node';
import { type Application, mount, timeLimit } from '@tsgi/core';
import type { Settings } from '../settings/table.ts';

/** `application` with what the settings put in front of it: the time limit, and the path that it is mounted at. */
export function dress(application: Application, settings: Settings): Application {
  const limited = settings.requestTimeout > 0 ? timeLimit(settings.requestTimeout)(application) : application;
  return settings.mountPath === '' ? limited : mount(settings.mountPath, limited);
}

/** How its requests are read: what a client may send, and whose word about the client is believed. */
export function translationOf(settings: Settings): Required<Omit<TranslateOptions, 'log'>> {
  return {
    trust: settings.forwardedAllowIps,
    forwarded: settings.forwarded,
    limits: {
      requestLine: settings.limitRequestLine,
      headerBytes: settings.limitRequestFieldsSize,
      headerCount: settings.limitRequestFields,
      bodyBytes: settings.limitBody,
      connections: settings.limitConnections,
      headerTime: settings.headerTimeout,
      bodyTime: settings.bodyTimeout,
    },
  };
}
