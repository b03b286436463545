import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { fixturesRoot, inCi, root } from './paths.ts'

/** What the real pg_restore did with an archive and these arguments. */
export interface Oracle {
  readonly label: string
  /** As typed in the folder of the archive. */
  readonly command: string
  /** The same, unquoted, without program and archive. */
  readonly args: readonly string[]
  readonly rc: number
  /** What it wrote to standard output, relative to the root of the corpus; absent when it wrote nothing. */
  readonly file?: string
  /** What it wrote to standard error; for -v it is not kept. */
  readonly stderr?: string
  /** The same as a file, where it is long. */
  readonly stderr_file?: string
  /** What it wrote to standard output, in UTF-8 as a server converts it, where the archive has another encoding. */
  readonly text_file?: string
  /** Files that the arguments name, relative to the root of the corpus. */
  readonly inputs?: readonly string[]
  /** Version of the pg_restore, where it is not the archive's own. */
  readonly tool?: string
}

/** One archive of the corpus or of the fixtures, as the manifest describes it. */
export interface CorpusArchive {
  readonly path: string
  /** Major release; or how it was made, of the fixtures that the corpus does not have. */
  readonly version: number | 'legacy' | 'derived' | 'encodings' | 'older' | 'redirected'
  readonly pg_dump_version: string
  readonly format: 'custom' | 'directory' | 'tar' | 'plain'
  readonly compression: string
  readonly archive_version: string
  readonly size: number
  /** Of a directory: over its sorted names and digests. */
  readonly sha256?: string
  /** Of the archives in a client's encoding: its name, and what names in them consist of. */
  readonly encoding?: string
  readonly words?: { readonly backslash: string; readonly bar: string; readonly at: string; readonly text: string }
  /** The file it is kept in, where it is kept compressed. */
  readonly stored?: string
  readonly oracles: readonly Oracle[]
  /** What the pg_restore of the archive's own release prints, where that is one whose rules are not followed. */
  readonly own?: readonly Oracle[]
}

interface Manifest {
  readonly archives: readonly CorpusArchive[]
}

/** An archive with the place where it is. */
export interface PlacedArchive extends CorpusArchive {
  readonly format: 'custom' | 'directory' | 'tar'
  /** Root of the corpus that it belongs to. */
  readonly root: string
  /** Absolute path of the archive. */
  readonly file: string
}

/** The archives below `corpusRoot`, without plain dumps. */
export function readCorpus(corpusRoot: string, manifestFile: string): PlacedArchive[] {
  // The manifest is part of the corpus; its shape is the contract above.
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as Manifest
  const placed: PlacedArchive[] = []
  for (const archive of manifest.archives) {
    if (archive.format === 'plain') continue
    placed.push({ ...archive, format: archive.format, root: corpusRoot, file: join(corpusRoot, archive.path) })
  }
  return placed
}

/** The manifest of the fixtures: shaped like the corpus's, with every file's digest. */
export const fixturesManifest = join(root, 'test/fixtures/manifest.json')

/** The archives that belong to the repository. */
export function fixtures(): readonly PlacedArchive[] {
  own ??= readCorpus(fixturesRoot, fixturesManifest)
  return own
}

let own: readonly PlacedArchive[] | undefined

/** The fixture with this path, like `18/full-Fc.dump`. */
export function fixture(path: string): PlacedArchive {
  const found = fixtures().find((archive) => archive.path === path)
  if (found === undefined) throw new Error(`No fixture ${path}`)
  return found
}

/** Root of the full corpus, or undefined: `$PGDMP_CORPUS`, relative to the repository. */
export const corpusRoot: string | undefined = (() => {
  const value = process.env['PGDMP_CORPUS']
  if (value === undefined || value === '') return undefined
  const path = join(value.startsWith('/') ? '/' : root, value)
  if (existsSync(join(path, 'manifest.json'))) return path
  if (inCi) throw new Error(`PGDMP_CORPUS is ${value}, but ${path} holds no manifest.json`)
  return undefined
})()

/** Why the full corpus is not there, for the message of a skipped test. */
export const withoutCorpus = 'the full corpus is not there (set PGDMP_CORPUS); the fixtures alone were used'

/** Every archive at hand: the full corpus and the fixtures that are not part of it, or the fixtures alone. */
export function allArchives(): readonly PlacedArchive[] {
  if (corpusRoot === undefined) return fixtures()
  const full = readCorpus(corpusRoot, join(corpusRoot, 'manifest.json'))
  const known = new Set(full.map((archive) => archive.path))
  return [...full, ...fixtures().filter((archive) => !known.has(archive.path))]
}

/** Version of the pg_restore that an oracle comes from. */
export function toolOf(archive: PlacedArchive, oracle: Oracle): string {
  if (oracle.tool !== undefined) return oracle.tool
  return archive.version === 'legacy' ? '17.11' : archive.pg_dump_version
}

/** A file of the corpus, uncompressed. */
export function readStored(path: string): Buffer {
  const bytes = readFileSync(path)
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

/** What the real pg_restore wrote to standard output. */
export function expectedOutput(archive: PlacedArchive, oracle: Oracle): Buffer {
  return oracle.file === undefined ? Buffer.alloc(0) : readStored(join(archive.root, oracle.file))
}

/** What the real pg_restore wrote to standard error. */
export function expectedErrors(archive: PlacedArchive, oracle: Oracle): string {
  if (oracle.stderr_file === undefined) return oracle.stderr ?? ''
  return readStored(join(archive.root, oracle.stderr_file)).toString()
}

/** SHA-256 of a file, or of a directory over the sorted names and digests of its files. */
export function digest(path: string): string {
  const hash = createHash('sha256')
  if (!statSync(path).isDirectory()) return hash.update(readFileSync(path)).digest('hex')
  for (const name of readdirSync(path).sort()) hash.update(`${name} ${digest(join(path, name))}\n`)
  return hash.digest('hex')
}

/** Unpacks the fixtures that are kept compressed; does nothing where that is done. */
export function unpackFixtures(): void {
  for (const archive of fixtures()) {
    if (archive.stored === undefined || existsSync(archive.file)) continue
    const temporary = join(dirname(archive.file), `.${basename(archive.file)}.${process.pid}`)
    writeFileSync(temporary, readStored(join(archive.root, archive.stored)))
    renameSync(temporary, archive.file)
  }
}

/** The bytes that hold an archive's header and TOC: the custom file, or toc.dat wherever it is. */
export function tocBytes(archive: PlacedArchive): Buffer {
  if (archive.format === 'directory') return readFileSync(join(archive.file, 'toc.dat'))
  const bytes = readFileSync(archive.file)
  if (archive.format === 'custom') return bytes
  // pg_dump writes toc.dat first: 512 bytes of header with its size as octal digits, then its content.
  const size = Number.parseInt(bytes.toString('latin1', 124, 135), 8)
  return bytes.subarray(512, 512 + size)
}
