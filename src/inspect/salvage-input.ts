import type { Container } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import { detect, detectBytes } from '../format/detect.ts'
import { notAnArchive } from '../format/open-errors.ts'
import { openDirectory, type DirectoryAccess } from '../io/directory.ts'
import { pathOf, resolveInput, type ArchiveInput } from '../io/input.ts'
import type { FileSource, RandomAccess } from '../io/source.ts'
import { spool, type SpoolCheck } from '../io/spool.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveFormat } from '../toc/types.ts'
import { formatByteOf } from '../toc/write-head.ts'
import { ByteWindow } from './salvage-bytes.ts'
import type { FoundFiles } from './salvage-files.ts'
import { gatherCustom } from './salvage-gather.ts'
import { TolerantSource, type Break, type LenientSource, type Payload } from './salvage-payload.ts'
import { filesOfTar } from './salvage-tar.ts'
import { madeHeader } from './salvage-toc-head.ts'
import { findToc, tocOfFiles } from './salvage-toc.ts'

/** Where a header says the format of the archive, from 1.7 on. */
const formatByteAt = 10

/** What is to be salvaged. */
export type SalvageInput =
  | { readonly format: 'custom'; readonly source: RandomAccess }
  | { readonly format: 'tar'; readonly source: RandomAccess; readonly files: FoundFiles }
  | { readonly format: 'directory'; readonly dir: DirectoryAccess }

/** An input, what was wrong with its wrapping, and what to release. */
export interface OpenedInput {
  readonly input: SalvageInput
  /** Path of the input, where it has one. */
  readonly path: string | undefined
  readonly breaks: readonly Break[]
  release(): Promise<void>
}

/** How to open an input. */
export interface InputPlan {
  readonly format: ArchiveFormat | undefined
  readonly limits: Limits
  readonly signal: AbortSignal | undefined
}

/** Finds out what an input is, or was. @throws ArchiveError NOT_AN_ARCHIVE, PLAIN_SQL */
export async function openInput(input: ArchiveInput, plan: InputPlan): Promise<OpenedInput> {
  const handles: (() => Promise<void>)[] = []
  const release = async (): Promise<void> => {
    for (let close = handles.pop(); close !== undefined; close = handles.pop()) await close()
  }
  try {
    // whatever toc.dat is: in the directory nothing but plain files is opened
    const dir = await directoryOfToc(input)
    if (dir !== undefined) return { input: { format: 'directory', dir }, path: dir.path, breaks: [], release }
    const resolved = await resolveInput(input)
    const { path } = resolved.kind === 'directory' ? resolved.dir : resolved
    if (resolved.kind === 'directory')
      return { input: { format: 'directory', dir: resolved.dir }, path, breaks: [], release }
    let source: RandomAccess
    let cut: readonly Break[] = []
    if (resolved.kind === 'stream') {
      const spooled = await spoolBeginning(resolved.iterable, path, undefined, plan)
      handles.push(() => spooled.source.close())
      source = spooled.source
      cut = spooled.breaks
    } else {
      source = resolved.source
      if (resolved.owned) handles.push(async () => await source.close?.())
    }
    const { input: found, breaks } = await recognise(source, path, undefined, plan, handles)
    return { input: found, path, breaks: [...cut, ...breaks], release }
  } catch (error) {
    await release().catch(() => undefined)
    throw error
  }
}

/**
 * The directory that a path to a toc.dat lies in, whatever that toc.dat is: a link or a device is not followed, since in
 * a directory nothing but plain files is opened. Undefined for other paths, and where there is nothing by that name.
 */
async function directoryOfToc(input: ArchiveInput): Promise<DirectoryAccess | undefined> {
  const path = pathOf(input)
  const parent = /^(.*[\\/])?(toc\.dat(?:\.gz|\.lz4|\.zst)?)$/s.exec(path ?? '')
  if (parent === null || path === undefined) return undefined
  const dir = await openDirectory(parent[1] ?? '.').catch(() => undefined)
  const found = await dir?.stat(parent[2] ?? '')
  if (found === undefined) return undefined
  const isDirectory = found.kind === 'other' && (await openDirectory(path).catch(() => undefined)) !== undefined
  return isDirectory ? undefined : dir
}

/** Bytes of a stream in which something of an archive must be: what does not begin like one may have no end. */
const mostUnknownBytes = 16 * 1024 * 1024

/** What tells that a stream is no archive before all of it is copied. */
function checksOf(
  path: string | undefined,
  wrapping: Container | undefined,
  { format, limits, signal }: InputPlan,
): readonly SpoolCheck[] {
  const checkBeginning = async (source: RandomAccess): Promise<void> => {
    const head = await source.read(0, detectBytes)
    const detected = detect(head)
    const { kind } = detected
    if (kind === 'pgdmp' || kind === 'tar' || kind === 'unknown') return
    if (kind === 'compressed' && wrapping === undefined) return
    throw notAnArchive(detected, head, { path, container: wrapping })
  }
  const checkContent = async (source: RandomAccess): Promise<void> => {
    const { kind } = detect(await source.read(0, detectBytes))
    // a format that is named is taken as what it is, compressed or not
    const isKnown = kind === 'pgdmp' || kind === 'tar' || (kind === 'compressed' && format === undefined)
    if (isKnown || (await findToc({ source, format: format ?? 'custom', limits, signal }))?.entries.length) return
    if (format !== 'custom' && (await filesOfTar(source, signal)).byName.size > 0) return
    if (format !== 'tar') {
      const { data, strays } = await gatherCustom(source, undefined, madeHeader('custom'), signal)
      if (data.size + strays.length > 0) return
    }
    const what = wrapping === undefined ? '' : ` of what is inside of the ${wrapping} file`
    throw new ArchiveError(
      'NOT_AN_ARCHIVE',
      `Cannot salvage ${path === undefined ? 'the input' : `"${path}"`}: the first ${source.size} bytes${what} hold nothing of an archive`,
      { file: path, hint: 'Give a file that is not compressed to have all of it searched' },
    )
  }
  return [
    ...(format === undefined ? [{ bytes: detectBytes, check: checkBeginning }] : []),
    { bytes: mostUnknownBytes, check: checkContent },
  ]
}

/** A stream in a temporary file: of one that is too long, as much as may be, which is salvaged like one that is cut. */
async function spoolBeginning(
  input: AsyncIterable<Uint8Array>,
  path: string | undefined,
  wrapping: Container | undefined,
  plan: InputPlan,
): Promise<{ readonly source: FileSource; readonly breaks: readonly Break[] }> {
  const { limits, signal } = plan
  let limit: ArchiveError | undefined
  const onLimit = (error: ArchiveError): void => void (limit = error)
  const source = await spool(input, { limits, signal, onLimit, checks: checksOf(path, wrapping, plan) })
  if (limit === undefined) return { source, breaks: [] }
  const { message, hint } = limit
  const reason = `only the first ${source.size} bytes were read: ${message}`
  return { source, breaks: [{ kind: 'cut', offset: source.size, reason, hint }] }
}

async function recognise(
  source: RandomAccess,
  path: string | undefined,
  wrapping: Container | undefined,
  plan: InputPlan,
  handles: (() => Promise<void>)[],
): Promise<{ readonly input: SalvageInput; readonly breaks: readonly Break[] }> {
  const { format, limits, signal } = plan
  const tar = async (): Promise<SalvageInput> => ({ format: 'tar', source, files: await filesOfTar(source, signal) })
  if (format === 'custom') return { input: { format, source }, breaks: [] }
  if (format === 'tar') return { input: await tar(), breaks: [] }
  const head = await source.read(0, detectBytes)
  const detected = detect(head)
  // a tar archive that has lost its first header begins with its table of contents
  const isCustom = detected.kind === 'pgdmp' && head[formatByteAt] !== formatByteOf.tar
  if (isCustom) return { input: { format: 'custom', source }, breaks: [] }
  if (detected.kind === 'tar') return { input: await tar(), breaks: [] }
  if (detected.kind === 'compressed' && wrapping === undefined) {
    const { container } = detected
    const decoded = new TolerantSource(
      payloadOf(source, container, signal),
      { ...limits, entryBytes: Infinity },
      signal,
    )
    const spooled = await spoolBeginning(chunksOf(decoded), path, container, plan)
    handles.push(() => spooled.source.close())
    const inner = await recognise(spooled.source, path, container, plan, handles)
    const { ending } = decoded
    if (ending === undefined) return { ...inner, breaks: [...spooled.breaks, ...inner.breaks] }
    const outer = { ...ending, reason: `the ${container} file around the archive: ${ending.reason}` }
    return { ...inner, breaks: [outer, ...inner.breaks] }
  }
  // what is left of an archive whose beginning is damaged
  if (detected.kind === 'unknown' || detected.kind === 'pgdmp') {
    const toc = await findToc({ source, format: 'custom', limits, signal })
    const files = await filesOfTar(source, signal)
    const found = await tocOfFiles(files, { format: 'tar', limits, signal })
    const [inTar, inCustom] = [found?.entries.length ?? 0, toc?.entries.length ?? 0]
    // a large object may be an archive of the other kind; data blocks may be there without anything else
    const isTar = inTar > inCustom || (inTar === inCustom && files.byName.size > 0)
    const input: SalvageInput = isTar ? { format: 'tar', source, files } : { format: 'custom', source }
    return { input, breaks: [] }
  }
  throw notAnArchive(detected, head, { path, container: wrapping })
}

function payloadOf(source: RandomAccess, container: Container, signal: AbortSignal | undefined): Payload {
  return { container, offset: 0, open: async () => new WholeSource(source, signal) }
}

/** All bytes of a source. */
class WholeSource implements LenientSource {
  offset = 0
  readonly ending = undefined
  readonly #window: ByteWindow
  #at = 0

  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#window = new ByteWindow(source, signal)
  }

  async next(): Promise<Uint8Array | null> {
    if (!(await this.#window.load(this.#at, 1))) return null
    const from = this.#at - this.#window.base
    this.offset = this.#at
    this.#at = this.#window.base + this.#window.bytes.length
    return this.#window.bytes.subarray(from)
  }

  async cancel(): Promise<void> {
    // the source belongs to who opened it
  }
}

async function* chunksOf(source: TolerantSource): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) yield chunk
  } finally {
    await source.cancel()
  }
}
