// Every setting, declared once. Flags, TSGI_* variables, the configuration file, --help, docs/settings.md and the
// messages about wrong values are all derived from this table. Names follow Gunicorn's where it has one.

/** How a setting's text is read, and what it may be. */
export type SettingType =
  | { readonly kind: 'text'; readonly example: string }
  /** With `off`, that word is read as null: nowhere. */
  | { readonly kind: 'path'; readonly off?: true }
  | { readonly kind: 'list'; readonly of: 'bind' | 'network' | 'text' | 'path' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'switch' }
  /** Whole number. */
  | { readonly kind: 'count'; readonly min: number; readonly max: number }
  /** Milliseconds; written `500ms`, `30s`, `5m`, `2h`, or a number of seconds as in Gunicorn. 0 turns it off where `min` is 0. */
  | { readonly kind: 'duration'; readonly min: number; readonly max: number }
  /** Bytes; written `512`, `64k`, `128m`, `1g`. */
  | { readonly kind: 'bytes'; readonly min: number; readonly max: number }
  /** Permission bits, written in octal: `660`, `0660`, `0o660`. */
  | { readonly kind: 'mode' }
  /** A number of workers, or `auto`. */
  | { readonly kind: 'workers' };

/** One row of the table. */
export interface Setting {
  readonly group: SettingGroup;
  readonly type: SettingType;
  /** What holds when nobody says anything; null where there is no such thing. */
  readonly default: string | number | boolean | readonly string[] | null;
  /** One sentence for --help and the docs. */
  readonly text: string;
  readonly short?: string;
  /** The arbiter takes it once, at its start: a reload does not change it. */
  readonly once?: true;
}

/** The groups of --help and of the docs, in their order. */
export const SETTING_GROUPS = {
  application: 'Application',
  binding: 'Where it listens',
  workers: 'Workers',
  reload: 'Reload and stop',
  recycling: 'Recycling',
  http: 'HTTP',
  limits: 'Limits',
  logs: 'Logs',
  operation: 'Operation',
} as const;

export type SettingGroup = keyof typeof SETTING_GROUPS;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MIB = 1024 * 1024;

/** The table, by the setting's name in the configuration file; flags and variables are made of it. */
export const SETTINGS: Readonly<Record<SettingName, Setting>> = {
  // application
  app: {
    group: 'application',
    type: { kind: 'text', example: './app.ts:app' },
    default: null,
    text: 'The application: a module and its export, module:export or module:factory().',
  },
  chdir: {
    group: 'application',
    type: { kind: 'path' },
    default: '.',
    text: 'The folder to work in. Default: the one it is started in.',
    once: true,
  },
  config: {
    group: 'application',
    type: { kind: 'path' },
    default: null,
    text: 'The configuration file. Default: tsgi.config.ts, .js, .mjs or .json in the folder to work in, if there is one.',
    short: 'c',
    once: true,
  },
  mountPath: {
    group: 'application',
    type: { kind: 'text', example: '/shop' },
    default: '',
    text: 'Serves the application under this path; it sees what follows it.',
  },
  nodeArg: {
    group: 'application',
    type: { kind: 'list', of: 'text' },
    default: [],
    text: 'An argument of node for the workers, such as --max-old-space-size=512.',
  },
  import: {
    group: 'application',
    type: { kind: 'list', of: 'text' },
    default: [],
    text: 'A module that each worker imports before the application, such as an OpenTelemetry set-up.',
  },
  envFile: {
    group: 'application',
    type: { kind: 'list', of: 'path' },
    default: [],
    text: 'A file of NAME=value lines for the environment of the workers; what is set there already stays.',
  },
  name: {
    group: 'application',
    type: { kind: 'text', example: 'shop' },
    default: 'tsgi',
    text: 'The name of this server in logs, metrics and the context.',
    once: true,
  },
  dev: {
    group: 'application',
    type: { kind: 'switch' },
    default: false,
    text: 'For development: starts anew when an imported file changes, while requests wait; a readable log of all requests.',
    once: true,
  },
  // binding
  bind: {
    group: 'binding',
    type: { kind: 'list', of: 'bind' },
    default: ['127.0.0.1:8000'],
    text: 'Where to listen: host:port, [ipv6]:port, :port, unix:/path, fd://N, systemd or systemd:NAME.',
    short: 'b',
    once: true,
  },
  backlog: {
    group: 'binding',
    type: { kind: 'count', min: 1, max: 65_535 },
    default: 511,
    text: 'Connections that may wait to be accepted.',
  },
  socketMode: {
    group: 'binding',
    type: { kind: 'mode' },
    default: '660',
    text: 'Permission bits of Unix sockets.',
    once: true,
  },
  socketOwner: {
    group: 'binding',
    type: { kind: 'text', example: 'www-data:www-data' },
    default: null,
    text: 'The owner of Unix sockets, user or user:group. Default: the user and group of the workers.',
    once: true,
  },
  takeOver: {
    group: 'binding',
    type: { kind: 'switch' },
    default: false,
    text: 'Takes Unix sockets over from a server that still listens there.',
    once: true,
  },
  certfile: { group: 'binding', type: { kind: 'path' }, default: null, text: 'The certificate chain for HTTPS, PEM.' },
  keyfile: { group: 'binding', type: { kind: 'path' }, default: null, text: "The certificate's private key, PEM." },
  // workers
  workers: {
    group: 'workers',
    type: { kind: 'workers' },
    default: 1,
    text: 'How many workers serve; auto takes as many as the CPU quota allows.',
    short: 'w',
  },
  timeout: {
    group: 'workers',
    type: { kind: 'duration', min: 0, max: HOUR },
    default: 30_000,
    text: 'A worker whose main loop does not turn for this long is killed and replaced; 0 never.',
    short: 't',
  },
  startTimeout: {
    group: 'workers',
    type: { kind: 'duration', min: 1000, max: HOUR },
    default: 60_000,
    text: 'A worker that is not ready after this long has failed to start.',
  },
  watchdog: {
    group: 'workers',
    type: { kind: 'choice', values: ['on', 'off'] },
    default: 'on',
    text: 'The thread in each worker that tells where a hung main loop hangs; off saves 8 MB a worker.',
  },
  user: {
    group: 'workers',
    type: { kind: 'text', example: 'www-data' },
    default: null,
    text: 'The user that workers run as, a name or a number; the arbiter must be root.',
  },
  group: {
    group: 'workers',
    type: { kind: 'text', example: 'www-data' },
    default: null,
    text: "The group that workers run as, a name or a number. Default: the user's own.",
  },
  umask: {
    group: 'workers',
    type: { kind: 'mode' },
    default: null,
    text: 'The permission bits that files of the arbiter and the workers do not get. Default: as inherited.',
    once: true,
  },
  // reload
  gracefulTimeout: {
    group: 'reload',
    type: { kind: 'duration', min: 0, max: HOUR },
    default: 30_000,
    text: 'How long a draining worker may finish what is in flight before it is cut.',
  },
  drainDelay: {
    group: 'reload',
    type: { kind: 'duration', min: 0, max: 5 * MINUTE },
    default: 0,
    text: 'At a stop, how long a worker goes on accepting after its readiness turned false, for a load balancer to notice.',
  },
  reloadBatch: {
    group: 'reload',
    type: { kind: 'count', min: 1, max: 1024 },
    default: 4,
    text: 'How many workers of the next generation start at once.',
  },
  reloadWatch: {
    group: 'reload',
    type: { kind: 'duration', min: 0, max: HOUR },
    default: 2000,
    text: 'How long the next generation must live before it takes over.',
  },
  maxDraining: {
    group: 'reload',
    type: { kind: 'count', min: 1, max: 1024 },
    default: 8,
    text: 'How many workers may be draining when a reload begins; it waits for its turn.',
  },
  // recycling
  maxRequests: {
    group: 'recycling',
    type: { kind: 'count', min: 0, max: Number.MAX_SAFE_INTEGER },
    default: 0,
    text: 'A worker is replaced after this many requests; 0 never.',
  },
  maxRequestsJitter: {
    group: 'recycling',
    type: { kind: 'count', min: 0, max: Number.MAX_SAFE_INTEGER },
    default: 0,
    text: 'Up to this many more, by chance, so that workers are not replaced together.',
  },
  maxMemory: {
    group: 'recycling',
    type: { kind: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER },
    default: 0,
    text: 'A worker is replaced when its resident memory is above this; 0 never.',
  },
  maxLifetime: {
    group: 'recycling',
    type: { kind: 'duration', min: 0, max: 365 * 24 * HOUR },
    default: 0,
    text: 'A worker is replaced after this long; 0 never.',
  },
  // http
  keepAlive: {
    group: 'http',
    type: { kind: 'duration', min: 0, max: HOUR },
    default: 75_000,
    text: "How long an idle connection stays open; longer than the proxy's, so that the proxy closes first.",
  },
  keepAliveRequests: {
    group: 'http',
    type: { kind: 'count', min: 0, max: Number.MAX_SAFE_INTEGER },
    default: 0,
    text: 'A connection is closed after this many requests, so that connections spread over the workers; 0 never.',
  },
  keepAliveMaxAge: {
    group: 'http',
    type: { kind: 'duration', min: 0, max: 24 * HOUR },
    default: 0,
    text: 'A connection is closed after its first answer past this age; 0 never.',
  },
  requestTimeout: {
    group: 'http',
    type: { kind: 'duration', min: 0, max: HOUR },
    default: 0,
    text: 'A request without an answer after this long gets 504 and an aborted signal; 0 never.',
  },
  forwardedAllowIps: {
    group: 'http',
    type: { kind: 'list', of: 'network' },
    default: ['127.0.0.1', '::1', 'unix'],
    text: 'Whose forwarding headers are believed: addresses, networks, unix, or * for everyone.',
  },
  forwarded: {
    group: 'http',
    type: { kind: 'choice', values: ['x-forwarded', 'forwarded'] },
    default: 'x-forwarded',
    text: 'Which headers those proxies speak: X-Forwarded-*, or Forwarded of RFC 7239.',
  },
  proxyProtocol: {
    group: 'http',
    type: { kind: 'switch' },
    default: false,
    text: 'Trusted peers begin each connection with a PROXY protocol header.',
  },
  // limits
  limitRequestLine: {
    group: 'limits',
    type: { kind: 'bytes', min: 256, max: MIB },
    default: 8192,
    text: 'The longest request line: 414.',
  },
  limitRequestFields: {
    group: 'limits',
    type: { kind: 'count', min: 1, max: 10_000 },
    default: 100,
    text: 'The most header fields: 431.',
  },
  limitRequestFieldsSize: {
    group: 'limits',
    type: { kind: 'bytes', min: 1024, max: 16 * MIB },
    default: 32_768,
    text: 'The most bytes of all header fields: 431.',
  },
  limitBody: {
    group: 'limits',
    type: { kind: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER },
    default: 128 * MIB,
    text: 'The longest body: 413.',
  },
  limitConnections: {
    group: 'limits',
    type: { kind: 'count', min: 1, max: 1_000_000 },
    default: 10_000,
    text: 'The most open connections a worker: 503.',
  },
  headerTimeout: {
    group: 'limits',
    type: { kind: 'duration', min: 100, max: HOUR },
    default: 30_000,
    text: 'How long the head of a request may take: 408.',
  },
  bodyTimeout: {
    group: 'limits',
    type: { kind: 'duration', min: 100, max: 24 * HOUR },
    default: 300_000,
    text: 'How long a whole request may take: 408.',
  },
  // logs
  logLevel: {
    group: 'logs',
    type: { kind: 'choice', values: ['debug', 'info', 'warn', 'error', 'silent'] },
    default: 'info',
    text: 'The least important lines to write.',
    once: true,
  },
  logFormat: {
    group: 'logs',
    type: { kind: 'choice', values: ['auto', 'json', 'pretty'] },
    default: 'auto',
    text: 'How the log is written; auto is pretty on a terminal and JSON elsewhere.',
    once: true,
  },
  logFile: {
    group: 'logs',
    type: { kind: 'path' },
    default: '-',
    text: 'Where the log goes; - is the standard output.',
    once: true,
  },
  accessLogfile: {
    group: 'logs',
    type: { kind: 'path', off: true },
    default: null,
    text: 'Where a line for each request goes; - is the standard output, off is nowhere. Default: off; - with --dev.',
  },
  accessLogFormat: {
    group: 'logs',
    type: { kind: 'text', example: 'combined' },
    default: 'combined',
    text: 'combined, common, uwsgi, json, or a format string.',
  },
  // operation
  controlSocket: {
    group: 'operation',
    type: { kind: 'path' },
    default: 'auto',
    text: 'Where tsgi status, reload and their like reach this server; auto goes by its name and folder, off has none.',
    once: true,
  },
  monitorBind: {
    group: 'operation',
    type: { kind: 'list', of: 'bind' },
    default: [],
    text: 'Where /livez, /readyz and /metrics are answered, apart from the traffic. Default: nowhere.',
    once: true,
  },
  pidfile: {
    group: 'operation',
    type: { kind: 'path' },
    default: null,
    text: 'A file with the process id of the arbiter; a second arbiter with the same file is refused.',
    once: true,
  },
};

/** The name of a setting in the configuration file. */
export type SettingName = keyof Settings;

/** The effective settings: every value read, in its unit. */
export interface Settings {
  readonly app: string | null;
  readonly chdir: string;
  readonly config: string | null;
  readonly mountPath: string;
  readonly nodeArg: readonly string[];
  readonly import: readonly string[];
  readonly envFile: readonly string[];
  readonly name: string;
  readonly dev: boolean;
  readonly bind: readonly string[];
  readonly backlog: number;
  readonly socketMode: number;
  readonly socketOwner: string | null;
  readonly takeOver: boolean;
  readonly certfile: string | null;
  readonly keyfile: string | null;
  readonly workers: number | 'auto';
  readonly timeout: number;
  readonly startTimeout: number;
  readonly watchdog: 'on' | 'off';
  readonly user: string | null;
  readonly group: string | null;
  readonly umask: number | null;
  readonly gracefulTimeout: number;
  readonly drainDelay: number;
  readonly reloadBatch: number;
  readonly reloadWatch: number;
  readonly maxDraining: number;
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  readonly maxMemory: number;
  readonly maxLifetime: number;
  readonly keepAlive: number;
  readonly keepAliveRequests: number;
  readonly keepAliveMaxAge: number;
  readonly requestTimeout: number;
  readonly forwardedAllowIps: readonly string[];
  readonly forwarded: 'x-forwarded' | 'forwarded';
  readonly proxyProtocol: boolean;
  readonly limitRequestLine: number;
  readonly limitRequestFields: number;
  readonly limitRequestFieldsSize: number;
  readonly limitBody: number;
  readonly limitConnections: number;
  readonly headerTimeout: number;
  readonly bodyTimeout: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly logFormat: 'auto' | 'json' | 'pretty';
  readonly logFile: string;
  readonly accessLogfile: string | null;
  readonly accessLogFormat: string;
  readonly controlSocket: string;
  readonly monitorBind: readonly string[];
  readonly pidfile: string | null;
}
