import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import nodeModule from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { collectGarbage } from '../../../src/cli/engine.ts'
import { fixture } from '../../helpers/corpus.ts'
import { cli } from '../../helpers/paths.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-compiled-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const full = fixture('18/full-Fc.dump').file
const caches = join(scratch, 'caches')
const folder = join(caches, 'pgdmp')
const compiled = join(folder, 'list.js.compiled')
const nodeKeepsCode = 'enableCompileCache' in nodeModule

beforeEach(() => rmSync(caches, { recursive: true, force: true }))

function pgdmp(args: readonly string[], env: Record<string, string> = {}, input = readFileSync(full)): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    input,
    timeout: 60_000,
    env: { ...process.env, XDG_CACHE_HOME: caches, ...env },
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const list = (env?: Record<string, string>): string => pgdmp(['list', full], env)

test('compiled code is kept in a folder that nobody else can write to, unless it is not wanted', () => {
  const expected = list({ NODE_DISABLE_COMPILE_CACHE: '1' })
  expect(existsSync(folder)).toBe(false)
  expect(list()).toBe(expected)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(readdirSync(folder)).not.toEqual([])
  expect(list()).toBe(expected)
})

test('code that was compiled before loads modules as it did at first', () => {
  // node:net, for what comes through a pipe; a package
  for (const args of [
    ['list', '-'],
    ['audit', '--format=html', '--fail-on=never', full],
  ]) {
    const expected = pgdmp(args, { NODE_DISABLE_COMPILE_CACHE: '1' })
    expect([pgdmp(args), pgdmp(args)]).toEqual([expected, expected])
  }
})

test('a run goes on without it where it cannot be kept', () => {
  const expected = list({ NODE_DISABLE_COMPILE_CACHE: '1' })
  writeFileSync(join(scratch, 'file'), '')
  expect(list({ XDG_CACHE_HOME: join(scratch, 'file') })).toBe(expected)
  expect(list({ XDG_CACHE_HOME: '', HOME: join(scratch, 'file') })).toBe(expected)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o777)
  expect(list()).toBe(expected)
  expect(readdirSync(folder)).toEqual([])
})

test('code that another user may have put there is not run', ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can give files away')
  list()
  if (!nodeKeepsCode) {
    chownSync(compiled, 65534, 65534)
    list()
    expect(statSync(compiled).uid).toBe(0)
  }
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  chownSync(folder, 65534, 65534)
  list()
  expect(readdirSync(folder)).toEqual([])
})

const unchanged = (): number => statSync(compiled).ino

test('code is taken again, and made anew where it is damaged or of another source', ({ skip }) => {
  skip(nodeKeepsCode, 'this Node.js keeps it itself')
  const expected = list()
  expect(statSync(compiled).mode & 0o777).toBe(0o600)
  const first = unchanged()
  expect(list()).toBe(expected)
  expect(unchanged()).toBe(first)
  const good = readFileSync(compiled)
  const damages: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => bytes.subarray(0, bytes.length >> 1),
    (bytes) => bytes.subarray(0, 3),
    (bytes) => bytes.fill(bytes.readUInt8(5000) ^ 1, 5000, 5001),
    (bytes) => bytes.fill(0, 0, 4),
    (bytes) => bytes.fill(bytes.readUInt8(4) ^ 1, 4, 5), // CRC-32 of the source
  ]
  for (const damage of damages) {
    writeFileSync(compiled, damage(Buffer.from(good)))
    const damaged = unchanged()
    expect(list()).toBe(expected)
    expect(unchanged()).not.toBe(damaged)
  }
  const mended = unchanged()
  list()
  expect(unchanged()).toBe(mended)
  expect(readdirSync(folder)).toEqual(['list.js.compiled'])
})

test('options of V8 that are changed for a moment leave code usable', () => {
  // magic, V8's version, the source's length, V8's options
  const head = (): string => new Script('1').createCachedData().subarray(0, 16).toString('hex')
  const before = head()
  setFlagsFromString('--expose-gc')
  expect(head()).not.toBe(before)
  setFlagsFromString('--no-expose-gc')
  collectGarbage()
  expect(head()).toBe(before)
})
