import fc from 'fast-check'
import type { PlacedArchive } from './corpus.ts'
import { tocBytes } from './corpus.ts'
import { readIndependently } from './independent-reader.ts'
import type { PostgresTools } from './postgres.ts'

/** A random question to a pg_restore: everything that decides about the answer. */
export interface CommandLine {
  readonly archive: PlacedArchive
  /** Arguments without the archive; `{name}` stands for the path of one of the files. */
  readonly args: readonly string[]
  /** Contents of list and filter files. */
  readonly files: Readonly<Record<string, string>>
  readonly timeZone: string
  /** The archive comes by standard input. */
  readonly stdin: boolean
}

/** Names that the options can mean in one archive. */
interface Vocabulary {
  readonly dumpIds: readonly number[]
  readonly schemas: readonly string[]
  readonly tables: readonly string[]
  readonly indexes: readonly string[]
  readonly functions: readonly string[]
  readonly triggers: readonly string[]
}

const vocabularies = new Map<string, Vocabulary>()

function vocabularyOf(archive: PlacedArchive): Vocabulary {
  const known = vocabularies.get(archive.file)
  if (known !== undefined) return known
  const vocabulary = readVocabulary(archive)
  vocabularies.set(archive.file, vocabulary)
  return vocabulary
}

function readVocabulary(archive: PlacedArchive): Vocabulary {
  const { entries } = readIndependently(tocBytes(archive), archive.format)
  const tags = (...kinds: string[]): string[] => [
    ...new Set(
      entries
        .filter((entry) => kinds.includes(entry.desc?.toString() ?? ''))
        // An argument of a process cannot hold a NUL, nor bytes that are no UTF-8.
        .map((entry) => entry.tag?.toString() ?? '')
        .filter((tag) => !/[\0\uFFFD]/.test(tag)),
    ),
  ]
  const schemas = entries.map((entry) => entry.namespace?.toString() ?? '').filter((name) => !name.includes('\uFFFD'))
  return {
    dumpIds: entries.map((entry) => entry.dumpId),
    schemas: [...new Set(schemas)],
    tables: tags('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE', 'SEQUENCE'),
    indexes: tags('INDEX'),
    functions: tags('FUNCTION', 'PROCEDURE', 'AGGREGATE'),
    triggers: tags('TRIGGER'),
  }
}

const odd = ['nope', '', 'public', 'Odd "table"', ' ', '*', "o'clock", 'ünï', 'new\nline', '-x', 'a;b']
const timeZones = ['UTC', 'UTC', 'Europe/Berlin', 'America/Sao_Paulo']
const keys = ['corpus', 'Abc123']

type Arguments = readonly string[]
const nothing: Arguments = []

/** The option with a probability of one in `rarity + 1`. */
function sometimes(rarity: number, arbitrary: fc.Arbitrary<Arguments>): fc.Arbitrary<Arguments> {
  return fc.oneof({ weight: rarity, arbitrary: fc.constant(nothing) }, { weight: 1, arbitrary })
}

/** A value with a probability of one in `rarity + 1`, else null. */
function perhaps<T>(rarity: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: rarity, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

/** One of several spellings of an option without value. */
function flag(...spellings: readonly string[]): fc.Arbitrary<Arguments> {
  return fc.constantFrom(...spellings.map((spelling) => [spelling]))
}

/** An option with value, joined or not. */
function valued(short: string, long: string, values: readonly string[]): fc.Arbitrary<Arguments> {
  return fc
    .tuple(fc.constantFrom(...values, ...odd.slice(0, 1)), fc.integer({ min: 0, max: 3 }))
    .map(([value, spelling]) => {
      if (spelling === 0) return [`--${long}=${value}`]
      if (spelling === 1) return [`--${long}`, value]
      if (spelling === 2 && value !== '') return [`-${short}${value}`]
      return [`-${short}`, value]
    })
}

/** A name option up to three times: names of the archive, seldom others. */
function names(short: string, long: string, known: readonly string[]): fc.Arbitrary<Arguments> {
  const one = fc.oneof(
    { weight: 4, arbitrary: valued(short, long, known.length > 0 ? known : odd) },
    { weight: 1, arbitrary: valued(short, long, odd) },
  )
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((groups) => groups.flat())
}

/** A list file: the archive's ids in some order, with what people and other programs leave in such files. */
function listFile(ids: readonly number[]): fc.Arbitrary<string> {
  const line = (id: number): fc.Arbitrary<string> =>
    fc.constantFrom(
      `${id}; 1259 16388 TABLE public a postgres`,
      String(id),
      `  ${id} ;`,
      `+${id};`,
      `;${id}; x`,
      `${id} text`,
    )
  const junk = fc.constantFrom('', ';', '; comment', '0', '-4;', 'word', '999999;', '   ', '\t;', '0x10', '12abc;')
  const taken = fc.oneof(
    fc.subarray([...ids]),
    fc.shuffledSubarray([...ids], { maxLength: Math.min(40, ids.length) }),
    fc.constant([...ids]),
  )
  const ending = fc.constantFrom('\n', '\n', '\n', '\r\n')
  return fc
    .tuple(taken, ending, fc.array(fc.tuple(fc.nat(), junk), { maxLength: 3 }), fc.boolean())
    .chain(([chosen, end, additions, closed]) =>
      fc.tuple(...chosen.map(line)).map((lines) => {
        const all: string[] = [...lines]
        for (const [place, text] of additions) all.splice(place % (all.length + 1), 0, text)
        return all.join(end) + (closed ? end : '')
      }),
    )
}

/** A filter file, mostly good. */
function filterFile(words: Vocabulary): fc.Arbitrary<string> {
  const quoted = (name: string): fc.Arbitrary<string> => fc.constantFrom(name, name, `"${name.replaceAll('"', '""')}"`)
  const name = (known: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...known, 'nope').chain(quoted)
  const line = fc.oneof(
    name(words.tables).map((text) => `include table ${text}`),
    name(words.schemas).map((text) => `include schema ${text}`),
    name(words.schemas).map((text) => `exclude schema ${text}`),
    name(words.functions).map((text) => `include function ${text}`),
    name(words.indexes).map((text) => `include index ${text}`),
    name(words.triggers).map((text) => `include\ttrigger   ${text}  # why`),
    fc.constantFrom('', '# a comment', '   ', 'INCLUDE Table a'),
    fc.constantFrom(
      'exclude table a',
      'include extension x',
      'include',
      'include table',
      'nonsense',
      'include "table" a',
    ),
  )
  return fc.array(line, { maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`)
}

/** Command lines that a pg_restore of this version takes, about an archive that it reads. */
export function commandLines(archives: readonly PlacedArchive[], tools: PostgresTools): fc.Arbitrary<CommandLine> {
  const readable = archives.filter((archive) => Number(archive.archive_version.split('.')[1]) <= tools.newestArchive)
  return fc.constantFrom(...readable).chain((archive) => commandLine(archive, tools.major))
}

function commandLine(archive: PlacedArchive, major: number): fc.Arbitrary<CommandLine> {
  const words = vocabularyOf(archive)
  const since = (first: number, arbitrary: fc.Arbitrary<Arguments>): fc.Arbitrary<Arguments> =>
    major >= first ? arbitrary : fc.constant(nothing)

  // Contradictions come too, but seldom: they end before anything of the archive shows.
  const clean = fc.constantFrom<Arguments[]>(nothing, nothing, ['-c'], ['--clean', '--if-exists'])
  const cleanable = fc.oneof(
    { weight: 6, arbitrary: fc.constant(nothing) },
    { weight: 2, arbitrary: flag('-s', '--schema-only') },
    {
      weight: major >= 18 ? 3 : 0,
      arbitrary: fc.constantFrom(
        ['--statistics-only'],
        ['--no-data'],
        ['--no-schema'],
        ['--no-statistics'],
        ['--statistics'],
      ),
    },
  )
  const what = fc.oneof(
    { weight: 30, arbitrary: fc.tuple(cleanable, clean).map((parts) => parts.flat()) },
    { weight: 9, arbitrary: flag('-a', '--data-only') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ['-as'],
        ['--data-o', '--clean'],
        ['--if-exists'],
        ['-1', '-C'],
        ['--no-schema', '--no-data'],
      ),
    },
  )
  const sections = fc.subarray(['--section=pre-data', '--section=data', '--section=post-data'], { minLength: 1 })
  const archiveLetter = { custom: 'c', directory: 'd', tar: 't' }[archive.format]
  const files = fc.record({
    list: perhaps(3, listFile(words.dumpIds)),
    filter: major >= 17 ? perhaps(5, filterFile(words)) : fc.constant(null),
  })
  const options = fc.tuple(
    what,
    sometimes(6, sections),
    sometimes(5, flag('-C', '--create')),
    sometimes(6, names('n', 'schema', words.schemas)),
    sometimes(8, names('N', 'exclude-schema', words.schemas)),
    sometimes(5, names('t', 'table', words.tables)),
    sometimes(15, names('I', 'index', words.indexes)),
    sometimes(15, names('P', 'function', words.functions)),
    sometimes(15, names('T', 'trigger', words.triggers)),
    sometimes(6, flag('-O', '--no-owner')),
    sometimes(6, flag('-x', '--no-privileges', '--no-acl')),
    sometimes(6, flag('--no-comments')),
    sometimes(8, flag('--no-publications', '--no-pub')),
    sometimes(8, flag('--no-subscriptions')),
    sometimes(8, flag('--no-security-labels')),
    sometimes(6, flag('--no-tablespaces')),
    since(15, sometimes(6, flag('--no-table-access-method'))),
    since(18, sometimes(6, flag('--no-policies'))),
    sometimes(6, flag('--use-set-session-authorization')),
    sometimes(6, flag('--disable-triggers')),
    sometimes(8, valued('S', 'superuser', ['postgres', 'The Boss', 'a"b'])),
    sometimes(8, fc.constantFrom(['--role=alice'], ['--role', 'Odd "role"'], ['--role='])),
    sometimes(12, flag('-1', '--single-transaction')),
    since(
      17,
      sometimes(8, fc.constantFrom(['--transaction-size=1'], ['--transaction-size', '3'], ['--transaction-size=1000'])),
    ),
    sometimes(8, flag('--enable-row-security')),
    sometimes(25, flag('--strict-names')),
    sometimes(20, flag('-e', '--no-data-for-failed-tables', '-R')),
    sometimes(8, fc.constantFrom([`-F${archiveLetter}`], [`--format=${archive.format}`])),
    sometimes(7, fc.constantFrom(['-v'], ['--verbose'], ['-vv'], ['-v', '--verb', '-v'])),
  )
  const output = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<Arguments[]>(['-f', '-'], ['--file=-']) },
    { weight: 2, arbitrary: flag('-l', '--list') },
  )
  return fc
    .record({
      options,
      output,
      files,
      key: fc.constantFrom(...keys),
      timeZone: fc.constantFrom(...timeZones),
      stdin: archive.format === 'directory' ? fc.constant(false) : fc.boolean(),
      order: fc.nat(),
    })
    .map(({ options: groups, output: to, files: contents, key, timeZone, stdin, order }) => {
      const all: Arguments[] = [...groups, to]
      // 13.16 knows no key; the others would make up one.
      if (major >= 14 && !to.includes('-l') && !to.includes('--list')) all.push([`--restrict-key=${key}`])
      if (contents.list !== null) all.push(['-L', '{list}'])
      if (contents.filter !== null) all.push(['--filter={filter}'])
      const given = all.filter((group) => group.length > 0)
      const start = order % given.length
      const args = [...given.slice(start), ...given.slice(0, start)].flat()
      const found: Record<string, string> = {}
      if (contents.list !== null) found['list'] = contents.list
      if (contents.filter !== null) found['filter'] = contents.filter
      return { archive, args, files: found, timeZone, stdin }
    })
}
