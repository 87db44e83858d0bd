// Every published package works from its tarball: in a project that has nothing else of this workspace, in JavaScript
// and in TypeScript, on each Node that is supported.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { test } from 'tap';
import { run as runCommand, start } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { packPublished } from '../tarballs.ts';

const SEEN = 'plain plain fastify fetch listener plain plain\n';

/** What a command prints; throws when it fails. */
async function run(command: string, args: string[], cwd: string): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command, args, cwd);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

test('the published packages', async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'pack-'));
  t.teardown(() => rm(work, { recursive: true }));
  const tarballs = await packPublished(work);
  t.strictSame([...tarballs.keys()].sort(), [
    '@tsgi/adapter-inject',
    '@tsgi/adapter-node',
    '@tsgi/adapter-unix-socket',
    '@tsgi/bridge-fetch',
    '@tsgi/bridge-node',
    '@tsgi/core',
    'tsgi',
  ]);

  for (const [name, tarball] of tarballs) {
    t.test(`${name} holds what it exports and nothing else`, async (t) => {
      const files = (await run('tar', ['-tzf', tarball], work)).trim().split('\n');
      for (const file of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']) {
        t.ok(files.includes(`package/${file}`), file);
      }
      const rest = files.filter(
        (file) => !/^package\/(LICENSE|README\.md|package\.json|dist\/.+\.(js|js\.map|d\.ts))$/.test(file),
      );
      t.strictSame(rest, []);
      const manifest = await run('tar', ['-xzOf', tarball, 'package/package.json'], work);
      t.notMatch(manifest, /workspace:|catalog:|@tsgi\/source/, 'what only the workspace understands is gone');
    });

    t.test(`${name} passes publint`, async (t) => {
      const { buffer, byteOffset, byteLength } = await readFile(tarball);
      const archive = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
      const { messages, pkg } = await publint({ pack: { tarball: archive }, strict: true });
      t.strictSame(
        messages.map((message) => formatMessage(message, pkg, { color: false })),
        [],
      );
    });

    t.test(`${name} gives its types to whoever imports it`, async (t) => {
      const args = [tarball, '--profile', 'esm-only'];
      await t.resolves(run(join(import.meta.dirname, '../node_modules/.bin/attw'), args, work));
    });
  }

  t.test('a project that installs the tarballs', async (t) => {
    const project = join(work, 'project');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
    const others = ['fastify@5', 'typescript@7', '@types/node@24'];
    await run('npm', ['install', '--no-audit', '--no-fund', ...tarballs.values(), ...others], project);
    const consumer = join(import.meta.dirname, 'consumer.ts');
    await writeFile(join(project, 'plain.js'), stripTypeScriptTypes(await readFile(consumer, 'utf8')));
    await copyFile(consumer, join(project, 'typed.ts'));
    const compilerOptions = {
      target: 'es2024',
      module: 'nodenext',
      strict: true,
      skipLibCheck: false,
      types: ['node'],
    };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));

    await t.resolves(run('npx', ['tsc', '-p', '.'], project), 'its types are right under nodenext and strict');
    // The current Node is the newest that is supported; npm brings the oldest.
    const oldest = (await run('npx', ['-y', '-p', 'node@24', 'node', '-p', 'process.execPath'], work)).trim();
    for (const node of [process.execPath, oldest]) {
      const version = (await run(node, ['--version'], project)).trim();
      t.equal(await run(node, ['plain.js'], project), SEEN, `JavaScript runs on Node ${version}`);
      t.equal(await run(node, ['typed.js'], project), SEEN, `compiled TypeScript runs on Node ${version}`);
    }
  });

  t.test('npx tsgi serves every example from its tarball', async (t) => {
    const project = join(work, 'served');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{ "name": "served", "private": true, "type": "module" }');
    await run('npm', ['install', '--no-audit', '--no-fund', ...tarballs.values()], project);
    const { stdout } = await runCommand('du', ['-sm', 'node_modules'], project);
    t.comment(`tsgi and all that it depends on: ${stdout.split('\t')[0]} MB`);
    await run('npm', ['install', '--no-audit', '--no-fund', 'fastify@5', 'express@5', 'koa@3', 'hono@4'], project);
    for (const example of ['fastify', 'express', 'koa', 'hono', 'plain', 'hello']) {
      await copyFile(join(ROOT, 'examples', example, 'app.ts'), join(project, 'app.ts'));
      const socket = join(work, 'app.sock');
      for (const bind of ['127.0.0.1:0', `unix:${socket}`]) {
        const args = ['tsgi', 'serve', './app.ts:app', '--workers', '2', '--bind', bind];
        const child = start('npx', args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
        const exited = once(child, 'exit');
        const bound = await serving(child);
        const url = bind.startsWith('unix') ? ['--unix-socket', socket, 'http://localhost'] : [`http://${bound}`];
        const [path, answer] = example === 'hello' ? ['/hello', 'Hello World!'] : ['/hello/world', '{"hello":"world"}'];
        t.equal(await run('curl', ['-sS', ...url.slice(0, -1), `${url.at(-1)}${path}`], work), answer);
        await run('npx', ['tsgi', 'stop'], project);
        await exited;
      }
      t.pass(example);
    }
  });
});

/** The address that a server says it serves. */
async function serving(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const { msg } = JSON.parse(line) as { msg: string };
    if (msg.startsWith('serving ')) return msg.slice('serving '.length);
  }
  throw new Error('it ended before it served');
}
