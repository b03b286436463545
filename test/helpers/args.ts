import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ListOptions, Selection, SqlOptions } from '../../src/index.ts'
import { shipped } from './paths.ts'

/** What a command line of pg_restore asks of the library. */
export interface Request {
  readonly verb: 'list' | 'sql'
  readonly selection: Selection
  readonly list: ListOptions
  readonly sql: SqlOptions
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const shortNames: Readonly<Record<string, string>> = {
  a: 'data-only',
  c: 'clean',
  C: 'create',
  f: 'file',
  I: 'index',
  l: 'list',
  L: 'use-list',
  n: 'schema',
  N: 'exclude-schema',
  O: 'no-owner',
  P: 'function',
  s: 'schema-only',
  S: 'superuser',
  t: 'table',
  T: 'trigger',
  v: 'verbose',
  x: 'no-privileges',
  1: 'single-transaction',
}
const withValue = new Set(
  'file index use-list schema exclude-schema function superuser table trigger role section filter restrict-key transaction-size'.split(
    ' ',
  ),
)

/** The options of a command line: long names, with their values. */
export function* optionsOf(args: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(arg)
    const name = long?.[1] ?? shortNames[arg.slice(1)]
    if (name === undefined) throw new Error(`Unknown argument ${arg}`)
    if (!withValue.has(name)) yield [name, '']
    else if (long?.[2] !== undefined) yield [name, long[2]]
    else yield [name, args[++i] ?? '']
  }
}

/** Reads a command line of pg_restore, as far as the oracles use it; files are relative to `folder`. */
export async function requestOf(args: readonly string[], folder: string, compat: string): Promise<Request> {
  const { parseFilter, parseList } = await shipped()
  const given = new Set<string>()
  const sections: ('pre-data' | 'data' | 'post-data')[] = []
  const names: Record<string, Uint8Array[]> = {}
  const selection: Mutable<Selection> = { sections }
  const list: Mutable<ListOptions> = {}
  const sql: Mutable<SqlOptions> = {}
  const nameKinds: Readonly<
    Record<string, 'schemas' | 'excludeSchemas' | 'tables' | 'indexes' | 'functions' | 'triggers'>
  > = {
    schema: 'schemas',
    'exclude-schema': 'excludeSchemas',
    table: 'tables',
    index: 'indexes',
    function: 'functions',
    trigger: 'triggers',
  }
  const addName = (kind: keyof Selection & string, name: string | Uint8Array): void => {
    ;(names[kind] ??= []).push(typeof name === 'string' ? Buffer.from(name) : name)
  }
  for (const [name, value] of optionsOf(args)) {
    given.add(name)
    const kind = nameKinds[name]
    if (kind !== undefined) {
      addName(kind, value)
      continue
    }
    switch (name) {
      case 'list':
      case 'file':
      case 'no-data-for-failed-tables':
        break
      case 'use-list':
        selection.list = parseList(readFileSync(join(folder, value)))
        break
      case 'filter': {
        const parsed = parseFilter(readFileSync(join(folder, value)), { fileName: value, compat })
        for (const [key, found] of Object.entries(parsed)) {
          for (const item of found) addName(key as keyof Selection & string, item)
        }
        break
      }
      case 'section':
        if (value === 'pre-data' || value === 'data' || value === 'post-data') sections.push(value)
        break
      case 'verbose':
        list.verbose = true
        sql.verbose = true
        break
      case 'superuser':
      case 'role':
        sql[name] = value
        break
      case 'restrict-key':
        sql.restrictKey = value
        break
      case 'transaction-size':
        sql.transactionSize = Number(value)
        break
      default: {
        // `--no-owner` is `noOwner`, and so on.
        const key = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
        Object.assign(outputOptions.has(name) ? sql : selection, { [key]: true })
      }
    }
  }
  Object.assign(selection, names)
  return { verb: given.has('list') ? 'list' : 'sql', selection, list, sql }
}

const outputOptions = new Set([
  'clean',
  'if-exists',
  'no-owner',
  'use-set-session-authorization',
  'disable-triggers',
  'no-tablespaces',
  'no-table-access-method',
  'single-transaction',
  'enable-row-security',
])
