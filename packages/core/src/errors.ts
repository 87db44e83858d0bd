// Every error that the gateway interface and its adapters raise, in one table: what it means and what to do about it.

/** One row of the table. `{name}` in a text is filled from the details given to {@link TsgiError}. */
interface ErrorEntry {
  /** The HTTP status that ends the request; 0 where no request is concerned. */
  readonly status: number;
  /** The exit status of a program that stops because of it; 0 where none does. */
  readonly exit: number;
  /** What happened, and to what. */
  readonly text: string;
  /** What the reader can do about it. */
  readonly todo: string;
}

/** The error table, by code. */
export const ERRORS = {
  // A bind that cannot be served. A program that was given one exits with 2.
  TSGI_ERR_BIND_SYNTAX: {
    status: 0,
    exit: 2,
    text: 'the bind "{bind}" {problem}',
    todo: '{todo}',
  },
  TSGI_ERR_BIND_KIND: {
    status: 0,
    exit: 2,
    text: 'the bind "{bind}" is not one that {adapter} serves',
    todo: 'use {instead}',
  },
  TSGI_ERR_BIND_IN_USE: {
    status: 0,
    exit: 2,
    text: 'the bind "{bind}" is in use by another program',
    todo: 'stop the program that listens there, or choose another bind',
  },
  TSGI_ERR_BIND_REFUSED: {
    status: 0,
    exit: 2,
    text: 'the bind "{bind}" is not permitted ({reason})',
    todo: '{todo}',
  },
  TSGI_ERR_BIND_ADDRESS: {
    status: 0,
    exit: 2,
    text: 'the bind "{bind}" names an address that this machine does not have',
    todo: 'use 127.0.0.1 for this machine alone, 0.0.0.0 for every IPv4 address, or one that `ip address` lists',
  },
  TSGI_ERR_SOCKET_PATH_LENGTH: {
    status: 0,
    exit: 2,
    text: 'the socket path "{path}" has {length} bytes, and the system takes {limit} at most',
    todo: 'choose a shorter path, such as one in /run',
  },
  TSGI_ERR_SOCKET_ABSTRACT: {
    status: 0,
    exit: 2,
    text: 'the socket "{path}" is abstract: it has no file, so no mode or owner would protect it',
    todo: 'give a path in the file system, such as unix:/run/app.sock',
  },
  TSGI_ERR_SOCKET_OCCUPIED: {
    status: 0,
    exit: 2,
    text: 'the socket path "{path}" is taken by {what}',
    todo: '{todo}',
  },
  TSGI_ERR_SOCKET_FOLDER: {
    status: 0,
    exit: 2,
    text: 'the folder of the socket "{path}" {problem}',
    todo: '{todo}',
  },
  TSGI_ERR_SOCKET_MODE: {
    status: 0,
    exit: 2,
    text: 'the socket "{path}" cannot have the mode {mode}',
    todo: 'give permission bits from 0o000 to 0o777, in octal: 0o660',
  },
  TSGI_ERR_SOCKET_OWNER: {
    status: 0,
    exit: 2,
    text: 'the socket "{path}" cannot be given to user {uid}, group {gid} ({reason})',
    todo: 'run as root, or leave the owner out',
  },
  TSGI_ERR_DESCRIPTOR: {
    status: 0,
    exit: 2,
    text: 'the descriptor {fd} {problem}',
    todo: '{todo}',
  },
  // A request that an adapter refuses before the application sees it, or while it reads the body.
  TSGI_ERR_MALFORMED: {
    status: 400,
    exit: 0,
    text: 'the request is malformed: {problem}',
    todo: 'the client must send HTTP/1.1 as RFC 9112 has it',
  },
  TSGI_ERR_REQUEST_TIMEOUT: {
    status: 408,
    exit: 0,
    text: 'the request did not arrive in time: {part} took more than {ms} ms',
    todo: 'raise the time limit if clients are that slow',
  },
  TSGI_ERR_BODY_TOO_LARGE: {
    status: 413,
    exit: 0,
    text: 'the body is longer than {limit} bytes',
    todo: 'raise the body limit if bodies of this size are meant',
  },
  TSGI_ERR_TARGET_TOO_LONG: {
    status: 414,
    exit: 0,
    text: 'the request line is longer than {limit} bytes',
    todo: 'raise the request line limit if targets of this size are meant',
  },
  TSGI_ERR_EXPECTATION: {
    status: 417,
    exit: 0,
    text: 'the expectation "{expect}" cannot be met',
    todo: 'the client may expect 100-continue and nothing else',
  },
  TSGI_ERR_HEADERS_TOO_LARGE: {
    status: 431,
    exit: 0,
    text: 'the header fields are more than {limit}',
    todo: 'raise the header limits if fields of this number and size are meant',
  },
  TSGI_ERR_NOT_IMPLEMENTED: {
    status: 501,
    exit: 0,
    text: '{what} is not implemented',
    todo: 'the client must do without it',
  },
  TSGI_ERR_CONNECTIONS: {
    status: 503,
    exit: 0,
    text: 'all {limit} connections are in use',
    todo: 'raise the connection limit together with the limit of open files, or add workers',
  },
  TSGI_ERR_TIME_LIMIT: {
    status: 504,
    exit: 0,
    text: 'the application did not answer within {ms} ms',
    todo: 'make the handler faster, or give it more time',
  },
  // An application that broke the interface.
  TSGI_ERR_RESPONSE: {
    status: 500,
    exit: 0,
    text: 'the application returned a response that cannot be sent: {problem}',
    todo: 'run the application through lint() to see which rule it breaks',
  },
  TSGI_ERR_CONTENT_LENGTH: {
    status: 500,
    exit: 0,
    text: 'the response announced {announced} bytes and its body has {sent}',
    todo: 'leave Content-Length out and let the adapter count, or announce what is sent',
  },
  TSGI_ERR_BODY_READ_TWICE: {
    status: 500,
    exit: 0,
    text: 'the body of the request was read a second time',
    todo: 'read it once and keep what is needed',
  },
  TSGI_ERR_BODY_GIVEN_UP: {
    status: 500,
    exit: 0,
    text: 'the rest of the body was given up, because the response has been sent',
    todo: 'read the body to its end before you answer',
  },
  TSGI_ERR_UPGRADE_TAKEN: {
    status: 500,
    exit: 0,
    text: 'the socket of the upgrade cannot be taken: {problem}',
    todo: 'call take() once, and then resolve handle to TAKEN',
  },
  TSGI_ERR_CLIENT_GONE: {
    status: 499,
    exit: 0,
    text: 'the client left before {part}',
    todo: 'nothing: stop the work that was for this client',
  },
  TSGI_ERR_TRUST: {
    status: 0,
    exit: 2,
    text: 'the trusted address "{item}" {problem}',
    todo: 'write an IP address, a network such as 10.0.0.0/8, unix, or *',
  },
  TSGI_ERR_MOUNT: {
    status: 0,
    exit: 2,
    text: 'the mount prefix "{prefix}" {problem}',
    todo: '{todo}',
  },
  TSGI_ERR_OPTION: {
    status: 0,
    exit: 2,
    text: 'the option {option} is {value}',
    todo: 'give {expected}',
  },
  TSGI_ERR_LINT: {
    status: 500,
    exit: 0,
    text: 'rule {rule} is broken: {problem}',
    todo: 'see the rule in docs/spec.md',
  },
} as const;

/** A code of the error table. */
export type ErrorCode = keyof typeof ERRORS;

/** The names in braces of a text. */
type Braces<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Braces<Rest> : never;

/** What fills the braces of an entry's text and todo: every one of them, so that no message goes out with a hole. */
export type ErrorDetails<Code extends ErrorCode> = {
  readonly [Name in Braces<(typeof ERRORS)[Code]['text'] | (typeof ERRORS)[Code]['todo']>]: string | number;
};

/** A code with the details that it asks for; none where its texts have no braces. */
type ErrorArguments = {
  [Code in ErrorCode]: Record<never, never> extends ErrorDetails<Code>
    ? [code: Code, details?: ErrorDetails<Code>, options?: ErrorOptions]
    : [code: Code, details: ErrorDetails<Code>, options?: ErrorOptions];
}[ErrorCode];

/** An error of the table. `message` says what happened; `todo` says what to do. */
export class TsgiError extends Error {
  readonly code: ErrorCode;
  /** The HTTP status that ends the request; 0 where no request is concerned. */
  readonly status: number;
  /** The exit status of a program that stops because of it; 0 where none does. */
  readonly exit: number;
  readonly todo: string;

  constructor(...[code, details = {}, options]: ErrorArguments) {
    const entry: ErrorEntry = ERRORS[code];
    const values: Readonly<Record<string, string | number>> = details;
    // The compiler asks for every name; one that is missing all the same is a defect, and stays visible.
    const fill = (text: string): string => text.replace(/\{(\w+)\}/g, (brace, name) => String(values[name] ?? brace));
    super(fill(entry.text), options);
    this.code = code;
    this.status = entry.status;
    this.exit = entry.exit;
    this.todo = fill(entry.todo);
  }

  override get name(): string {
    return 'TsgiError';
  }

  /** The status as Fastify, Express and Koa read it from an error, so that a body too long becomes their 413. */
  get statusCode(): number {
    return this.status;
  }
}
