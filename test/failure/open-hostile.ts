import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { convert, filter, isArchiveError, list, listJson, open, salvage, strictLimits, toSql, verify, type Archive, type ArchiveInput, type OpenOptions } from '../../src/index.ts' // prettier-ignore
import type { PlacedHostile } from './place-hostile.ts'

/*
 * Opens hostile archives in every way and does with them all that there is to do, in a process of its own whose memory
 * is measured: open-hostile FILE, where FILE has a list of PlacedHostile in JSON. Prints a line of JSON before each
 * thing that it does, and one after.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-hostile-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Single bytes as long as there are not too many, then pieces of odd lengths. */
function* trickle(bytes: Uint8Array): Generator<Uint8Array> {
  const single = Math.min(bytes.length, 20_000)
  for (let at = 0; at < single; at++) yield bytes.subarray(at, at + 1)
  for (let at = single, piece = 1; at < bytes.length; at += piece, piece = (piece * 7) % 4093)
    yield bytes.subarray(at, at + piece)
}

const tocPath = 'path of toc.dat'

function isFile(path: string): boolean {
  return lstatSync(path).isFile()
}

type Way = readonly [name: string, input: () => ArchiveInput]

function waysOf({ path, directory, bomb }: PlacedHostile): readonly Way[] {
  if (directory) {
    if (bomb || lstatSync(join(path, 'toc.dat'), { throwIfNoEntry: false }) === undefined) return [['path', () => path]]
    return [
      ['path', () => path],
      [tocPath, () => join(path, 'toc.dat')],
    ]
  }
  // a bomb takes a second each time
  if (bomb) return [['path', () => path]]
  return [
    ['path', () => path],
    ['bytes', () => new Uint8Array(readFileSync(path))],
    ['stream', () => Readable.from([readFileSync(path)])],
    ['stream of single bytes', () => Readable.from(trickle(readFileSync(path)))],
  ]
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) void chunk
}

interface Work {
  readonly name: string
  /** For bombs too, and for inputs that are no path. */
  readonly always: boolean
  readonly run: (input: ArchiveInput, options: OpenOptions) => Promise<string>
}

async function opened(input: ArchiveInput, options: OpenOptions, work: (archive: Archive) => unknown): Promise<string> {
  const archive = await open(input, options)
  try {
    await work(archive)
    return 'good'
  } finally {
    await archive.close()
  }
}

const works: readonly Work[] = [
  {
    name: 'list',
    always: true,
    run: (input, options) =>
      opened(input, options, async (archive) => {
        list(archive)
        listJson(archive)
        for (const more of [{ withDependencies: true }, { withDependents: true }]) {
          list(filter(archive, { tables: ['t', 't5'], ...more }))
        }
        await archive.storedSizes()
      }),
  },
  {
    name: 'sql',
    always: true,
    run: (input, options) => opened(input, options, (archive) => drain(toSql(archive))),
  },
  {
    name: 'safe sql',
    always: false,
    run: (input, options) => opened(input, options, (archive) => drain(toSql(archive, { safe: true }))),
  },
  {
    name: 'convert',
    always: true,
    run: (input, options) =>
      opened(input, options, async (archive) => {
        await convert(archive, nowhere(), { format: 'custom', compression: { method: 'lz4' } })
      }),
  },
  {
    name: 'convert to tar',
    always: false,
    run: (input, options) =>
      opened(input, options, async (archive) => {
        await convert(archive, nowhere(), { format: 'tar' })
      }),
  },
  {
    name: 'verify',
    always: true,
    run: async (input, { limits = {} }) => {
      const { sound, findings } = await verify(input, { limits })
      return sound ? 'good' : (findings.find(({ severity }) => severity !== 'info')?.code ?? 'nothing found')
    },
  },
  {
    name: 'verify --quick',
    always: false,
    run: async (input, { limits = {} }) => {
      const { sound } = await verify(input, { limits, level: 'quick' })
      return sound ? 'good' : 'refused'
    },
  },
  {
    name: 'salvage',
    always: true,
    run: async (input) => {
      await salvage(input, nowhere(), { format: 'custom' })
      return 'good'
    },
  },
]

async function attempt(work: Work, input: ArchiveInput, options: OpenOptions): Promise<string> {
  try {
    return await work.run(input, options)
  } catch (error) {
    if (isArchiveError(error) && !work.name.startsWith('verify')) return error.code
    return `foreign: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}

/** The most memory that this process has had so far, in MB. */
function peak(): number {
  const high = statSync('/proc/self/status', { throwIfNoEntry: false })
  if (high === undefined) return process.resourceUsage().maxRSS / 1024
  const [, kilobytes = '0'] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ...line, peak: Math.round(peak()) })}\n`)
}

// the parent wrote it
const archives = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as readonly PlacedHostile[]
for (const archive of archives) {
  for (const [way, input] of waysOf(archive)) {
    for (const work of works) {
      if (!work.always && (archive.bomb || way !== 'path')) continue
      // who names a file has chosen it, whatever it leads to; salvage takes the name for that of the directory
      if (way === tocPath && work.name !== 'salvage' && !isFile(join(archive.path, 'toc.dat'))) continue
      for (const strict of archive.bomb && work.name !== 'salvage' ? [false, true] : [false]) {
        const doing = { name: archive.name, way, work: work.name, strict }
        say(doing)
        say({ ...doing, outcome: await attempt(work, input(), strict ? { limits: strictLimits } : {}) })
      }
    }
  }
}
say({ done: archives.length })
process.exit(0)
