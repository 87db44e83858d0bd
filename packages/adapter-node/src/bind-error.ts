// What the system says when it cannot bind or listen, as an error of the table that says what to do.

import { type Bind, printBind, TsgiError } from '@tsgi/core';

/** The error of the table for a failed bind or listen; `error` itself where the table has none. */
export function bindError(bind: Bind, error: NodeJS.ErrnoException): Error {
  const text = printBind(bind);
  switch (error.code) {
    case 'EADDRINUSE':
      return new TsgiError('TSGI_ERR_BIND_IN_USE', { bind: text }, { cause: error });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new TsgiError('TSGI_ERR_BIND_ADDRESS', { bind: text }, { cause: error });
    case 'EACCES':
    case 'EPERM': {
      const privileged = bind.kind === 'tcp' && bind.port < 1024;
      const todo = privileged
        ? 'use a port from 1024 on behind a proxy, a systemd socket, or the capability CAP_NET_BIND_SERVICE'
        : 'run as a user who may listen there';
      const reason = privileged ? `port ${bind.port} is privileged` : error.code;
      return new TsgiError('TSGI_ERR_BIND_REFUSED', { bind: text, reason, todo }, { cause: error });
    }
    case 'EBADF':
    case 'EINVAL':
    case 'ENOTSOCK':
      if (bind.kind !== 'fd') return error;
      return new TsgiError(
        'TSGI_ERR_DESCRIPTOR',
        {
          fd: bind.fd,
          problem: `is not a socket that can listen (${error.code})`,
          todo: 'pass a bound stream socket, as systemd and BoundSocket make them',
        },
        { cause: error },
      );
    default:
      return error;
  }
}
