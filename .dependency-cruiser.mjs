// The import rules of the workspace: who may import whom. `pnpm check` fails when one is broken.
// test/import-rules.test.ts breaks each of them on purpose.

/**
 * What the sources of each package may import, its own files aside: workspace packages by folder name, platform
 * modules as `node:...`, npm packages by name. Whoever is not listed imports what its package.json declares.
 */
const MAY_IMPORT = {
  core: [],
  'bridge-node': ['core', 'node:http', 'node:module', 'node:stream', 'node:events'],
  'bridge-fetch': ['core'],
  'adapter-node': [
    'core',
    'node:http',
    'node:https',
    'node:module',
    'node:net',
    'node:tls',
    'node:stream',
    'node:timers/promises',
  ],
  'adapter-unix-socket': [
    'core',
    'adapter-node',
    'node:net',
    'node:fs',
    'node:fs/promises',
    'node:path',
    'node:crypto',
    'node:timers/promises',
  ],
  'adapter-inject': ['core', 'adapter-node', 'light-my-request'],
  server: [
    'core',
    'bridge-node',
    'bridge-fetch',
    'adapter-node',
    'adapter-unix-socket',
    'adapter-inject',
    'commander',
    'pino',
    'pino-pretty',
    'prom-client',
    'node:*',
  ],
  conformance: ['core', 'tap', 'node:*'],
};

/** `text` as a regular expression that matches it alone. */
const literally = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** How dependency-cruiser names an import that the table allows: by its path, or, where none was found, as written. */
function pattern(name) {
  if (name === 'node:*') return '^[a-z_0-9/]+$';
  if (name.startsWith('node:')) return `^(node:)?${literally(name.slice('node:'.length))}$`;
  if (name in MAY_IMPORT) return `^packages/${name}/src/index\\.ts$`;
  return `(^|/)node_modules/${literally(name)}/`;
}

const layers = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `layers-${folder}`,
  comment: `The sources of packages/${folder} may import: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: `^packages/${folder}/src/` },
  to: { pathNot: [`^packages/${folder}/src/`, ...allowed.map(pattern)] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layers,
    {
      name: 'no-cycle',
      comment: 'No import goes round. Type imports within a package may: they are gone at run time.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'by-name-only',
      comment: 'Another package is imported by its name, never by a path into its folder.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|examples/[^/]+|bench|test)/' },
      to: { path: '^(packages|examples|bench|test)/', pathNot: '^$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'app-knows-no-server',
      comment: 'No source of Movie Quotes knows who serves it; its tsgi.config.ts does.',
      severity: 'error',
      from: { path: '^packages/app-movie-quotes/src/' },
      to: { path: ['^packages/(?!app-movie-quotes/)', '^@tsgi/', '^tsgi$'] },
    },
    {
      name: 'nobody-imports-the-app',
      comment: 'Movie Quotes is served by the packages, never used by them; the bench measures it.',
      severity: 'error',
      from: { pathNot: ['^packages/app-movie-quotes/', '^bench/'] },
      to: { path: '^packages/app-movie-quotes/' },
    },
    {
      name: 'examples-use-published-names',
      comment: 'An example imports what its reader can install.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^packages/(app-movie-quotes|conformance)/' },
    },
    {
      name: 'sources-use-declared-dependencies',
      comment:
        'What a source file imports stands in the dependencies of its package, not in devDependencies or nowhere.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '^packages/conformance/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sources-import-no-tests',
      comment: 'Tests import sources, never the other way.',
      severity: 'error',
      from: { path: '/src/' },
      to: { path: '^(packages/[^/]+/test|test)/' },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.tap)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@tsgi/source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
