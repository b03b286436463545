import { describe, expect, test } from 'vitest'
import { closest } from '../../src/closest.ts'
import {
  convert,
  create,
  digest,
  downgrade,
  filter,
  findUnsafeSql,
  groupLargeObjects,
  list,
  open,
  parseFilter,
  parseList,
  parseRelease,
  reindex,
  rewriteOwner,
  rewriteSchema,
  salvage,
  toSql,
  verify,
} from '../../src/index.ts'
import { entryOf, viewOf } from '../helpers/entries.ts'

/** Options as they come from JavaScript. */
// The types would not let a wrong one pass.
const wrong = (options: Record<string, unknown>): never => options as never

const view = viewOf([entryOf(1, { desc: 'TABLE' })])

describe('checkOptions()', () => {
  test.each([
    ['filter', () => filter(view, wrong({ table: ['a'] })), 'Cannot filter: there is no option "table"', 'tables'],
    [
      'filter',
      () => filter(view, {}, wrong({ onWarnin: 1 })),
      'Cannot filter: there is no option "onWarnin"',
      'onWarning',
    ],
    ['list', () => list(view, wrong({ verbos: 1 })), 'Cannot list: there is no option "verbos"', 'verbose'],
    ['toSql', () => toSql(view, wrong({ ifExist: 1 })), 'Cannot write SQL: there is no option "ifExist"', 'ifExists'],
    ['parseFilter', () => parseFilter('', wrong({ filename: 1 })), /no option "filename"/, 'fileName'],
  ])('%s() refuses an option that it does not have', (_, call, message, near) => {
    expect(call).toThrow(expect.objectContaining({ code: 'USAGE', hint: `Did you mean ${near}?` }))
    expect(call).toThrow(message)
  })

  test('open() refuses an option and a limit that it does not have', async () => {
    await expect(open(new Uint8Array(), wrong({ spol: true }))).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'Did you mean spool?',
      details: { option: 'spol' },
    })
    await expect(open(new Uint8Array(), { limits: wrong({ rowByte: 1 }) })).rejects.toThrow('no option "rowByte"')
  })

  test('leaves the options of other functions alone, so that one object can serve several', () => {
    const shared = wrong({ compat: '15', restrictKey: false, noOwner: true, force: true })
    expect(() => list(filter(view, {}, shared), shared)).not.toThrow()
    expect(() => toSql(view, shared)).not.toThrow()
  })

  test('names all options of a selection where none is near', () => {
    expect(() => filter(view, wrong({ nothingLikeIt: 1 }))).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringMatching(/^The options are schemas, /) }),
    )
  })
})

/** What each verb does with options; nothing is opened or written before they are looked at. */
const verbs = {
  open: async (options: never) => void (await open(new Uint8Array(), options)),
  create: async (options: never) => void (await create('/nowhere/at/all', options)),
  filter: async (options: never) => void filter(view, options),
  'filter, options': async (options: never) => void filter(view, {}, options),
  list: async (options: never) => void list(view, options),
  toSql: async (options: never) => void toSql(view, options),
  convert: async (options: never) => void (await convert(view, '/nowhere/at/all', options)),
  digest: async (options: never) => void (await digest(view, options)),
  downgrade: async (options: never) => void downgrade(view, options),
  rewriteOwner: async (options: never) => void rewriteOwner(view, {}, options),
  rewriteSchema: async (options: never) => void rewriteSchema(view, {}, options),
  verify: async (options: never) => void (await verify(new Uint8Array(), options)),
  salvage: async (options: never) => void (await salvage(new Uint8Array(), '/nowhere/at/all', options)),
  reindex: async (options: never) => void (await reindex('/nowhere/at/all', options)),
  findUnsafeSql: async (options: never) => void (await findUnsafeSql(view, options).next()),
  groupLargeObjects: async (options: never) => void (await groupLargeObjects(view, options)),
  parseFilter: async (options: never) => void parseFilter('', options),
}

const formats = 'must be custom, directory or tar'
const overwrite = 'must be replace or refuse'
const flag = 'must be true or false'

test.each<[keyof typeof verbs, Record<string, unknown>, string]>([
  ['open', { format: 'zip' }, `format is "zip", ${formats}`],
  ['open', { format: null }, `format is null, ${formats}`],
  ['open', { spool: 'yes' }, `spool is "yes", ${flag}`],
  ['open', { forwardOnly: 'custom' }, 'forwardOnly is "custom", must be true, false or tar'],
  ['open', { workers: -1 }, 'workers is -1, must be an integer, 0 or more'],
  ['open', { workers: '2' }, 'workers is "2", must be an integer, 0 or more'],
  ['open', { maxBufferBytes: Number.NaN }, 'maxBufferBytes is NaN, must be 1048576 or more'],
  ['open', { limits: 5 }, 'limits is 5, must be an object, or one of default, strict, none'],
  ['open', { limits: { rowBytes: '5' } }, 'rowBytes is "5", must be 0 or more'],
  ['open', { signal: {} }, 'signal is {}, must be an AbortSignal'],
  ['create', { format: 'zip' }, `format is "zip", ${formats}`],
  ['create', { overwrite: true }, `overwrite is true, ${overwrite}`],
  ['create', { compression: { method: 'zip' } }, 'compression.method is "zip", must be none, gzip, lz4 or zstd'],
  ['filter', { tables: null }, 'tables is null, must be an array of strings or bytes'],
  ['filter', { tables: ['a', 1] }, 'tables[1] is 1, must be a string or bytes'],
  ['filter', { excludeTables: 'a' }, 'excludeTables is "a", must be an array of strings'],
  ['filter', { match: 'regex' }, 'match is "regex", must be exact or pattern'],
  ['filter', { sections: 'data' }, 'sections is "data", must be an array of pre-data, data, post-data'],
  ['filter', { sections: ['dat'] }, 'section is "dat", must be pre-data, data, post-data'],
  ['filter', { list: '1; 2' }, 'list is "1; 2", must be what parseList() gives, or an array of dump ids'],
  ['filter', { schemaOnly: 'no' }, `schemaOnly is "no", ${flag}`],
  ['filter, options', { compat: 18 }, 'compat is 18, must be a release such as "17" or "17.11", or {major, minor}'],
  ['filter, options', { onWarning: 'log' }, 'onWarning is "log", must be a function'],
  ['list', { verbose: 1 }, `verbose is 1, ${flag}`],
  ['list', { timeZone: 'UTC' }, 'timeZone is "UTC", must be a time zone, as loadTimeZone() gives it'],
  ['toSql', { clean: 'yes' }, `clean is "yes", ${flag}`],
  ['toSql', { superuser: 5 }, 'superuser is 5, must be a string'],
  ['toSql', { restrictKey: true }, 'restrictKey is true, must be a string of letters and digits, or false'],
  ['toSql', { targetVersion: 13 }, 'targetVersion is 13, must be a string such as "13"'],
  ['toSql', { targetVersion: '8' }, 'Cannot write SQL for server "8": must be 9.6 to 18'],
  ['toSql', { compat: { major: 18 } }, 'compat is {"major":18}, must be a release such as'],
  ['toSql', { transactionSize: '4' }, 'transactionSize is 4, must be a whole number'],
  ['convert', { format: 'zip' }, `format is "zip", ${formats}`],
  ['convert', { compression: 'zstd' }, 'compression is "zstd", must be {method, level, long}'],
  ['convert', { compression: {} }, 'compression.method is undefined, must be none, gzip, lz4 or zstd'],
  ['convert', { compression: { method: 'zip' } }, 'compression.method is "zip", must be none, gzip, lz4 or zstd'],
  ['convert', { compression: { method: 'gzip', level: '9' } }, 'compression.level is "9", must be an integer'],
  ['convert', { archiveVersion: '1.14' }, 'archiveVersion is "1.14", must be {major, minor, rev}'],
  ['convert', { archiveVersion: { major: 1, minor: 14 } }, 'archiveVersion.rev is undefined, must be an integer'],
  ['convert', { overwrite: 'yes' }, `overwrite is "yes", ${overwrite}`],
  ['convert', { targetVersion: 13 }, 'targetVersion is 13, must be a string such as "13"'],
  ['digest', { onProgress: true }, 'onProgress is true, must be a function'],
  ['downgrade', { targetVersion: 13 }, 'targetVersion is 13, must be a string such as "13"'],
  ['downgrade', {}, 'targetVersion is undefined, must be a string such as "13"'],
  ['rewriteOwner', { strict: 'yes' }, `strict is "yes", ${flag}`],
  ['rewriteSchema', { onWarning: 1 }, 'onWarning is 1, must be a function'],
  ['verify', { level: 'full' }, 'level is "full", must be deep or quick'],
  ['verify', { format: 'zip' }, `format is "zip", ${formats}`],
  ['verify', { receipt: 'r.json' }, `receipt is "r.json", ${flag}`],
  ['salvage', { format: 'zip' }, `format is "zip", ${formats}`],
  ['salvage', { inputFormat: 'zip' }, `inputFormat is "zip", ${formats}`],
  ['salvage', { certainOnly: 1 }, `certainOnly is 1, ${flag}`],
  ['reindex', { signal: 'now' }, 'signal is "now", must be an AbortSignal'],
  ['findUnsafeSql', { data: 'no' }, `data is "no", ${flag}`],
  ['groupLargeObjects', { signal: 1 }, 'signal is 1, must be an AbortSignal'],
  ['parseFilter', { fileName: 1 }, 'fileName is 1, must be a string'],
])('%s refuses %j', async (verb, options, message) => {
  const error: unknown = await verbs[verb](wrong(options)).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ name: 'ArchiveError', code: 'USAGE', message: expect.stringContaining(message) })
})

test.each(Object.entries(verbs))('%s refuses options that are none', async (_, call) => {
  const none: unknown = null
  // as from JavaScript
  await expect(call(none as never)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('null') })
})

test('an option that is undefined is not given', () => {
  const options = wrong({ clean: undefined, compat: undefined, restrictKey: undefined, timeZone: undefined })
  expect(() => toSql(filter(view, wrong({ tables: undefined, match: undefined })), options)).not.toThrow()
})

test.each<[string, () => unknown]>([
  ['open()', () => open('')],
  ['open()', () => open(wrong(null as never))],
  ['reindex()', () => reindex('')],
  ['reindex()', () => reindex(wrong(5 as never))],
  ['rewriteOwner()', async () => rewriteOwner(view, wrong(null as never))],
  ['rewriteOwner()', async () => rewriteOwner(view, wrong({ all: 5 }))],
  ['rewriteSchema()', async () => rewriteSchema(view, wrong('app' as never))],
  ['rewriteSchema()', async () => rewriteSchema(view, wrong({ app: 5 }))],
  ['parseList()', async () => parseList(wrong(5 as never))],
  ['parseFilter()', async () => parseFilter(wrong(null as never))],
  ['parseRelease()', async () => parseRelease(wrong({ major: 18 }))],
])('%s refuses an argument of another kind', async (_, call) => {
  await expect(call()).rejects.toMatchObject({ name: 'ArchiveError', code: 'USAGE' })
})

test('closest() finds a slip and nothing far away', () => {
  const names = ['list', 'sql', 'info', 'pg_restore']
  expect(closest('lst', names)).toBe('list')
  expect(closest('lits', names)).toBe('list')
  expect(closest('pgrestore', names)).toBe('pg_restore')
  expect(closest('convert', names)).toBeUndefined()
})
