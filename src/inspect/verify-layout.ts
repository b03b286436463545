import { fileNames } from '../format/directory-files.ts'
import type { ArchiveLayout, BlockSpan } from '../format/layout.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { asFinding, type Findings } from './findings.ts'
import { holdsStoredData } from './verify-data.ts'
import { verifyTail } from './verify-tail.ts'

/**
 * Finds what lies in an archive besides what its entries refer to, and offsets that lead elsewhere.
 * @param oids the large objects that were found
 */
export async function verifyLayout(
  layout: ArchiveLayout,
  toc: readonly TocEntry[],
  oids: Iterable<number>,
  findings: Findings,
): Promise<void> {
  switch (layout.kind) {
    case 'custom':
      return await verifyBlocks(layout, toc, findings)
    case 'directory':
      return await verifyFiles(layout, namesOf(toc, oids), findings)
    case 'tar':
      return await verifyMembers(layout, namesOf(toc, oids), findings)
    default:
      return layout satisfies never
  }
}

async function verifyBlocks(
  layout: Extract<ArchiveLayout, { kind: 'custom' }>,
  toc: readonly TocEntry[],
  findings: Findings,
): Promise<void> {
  const entries = new Map<DumpId, TocEntry>(toc.map((entry) => [entry.dumpId, entry]))
  const seen = new Map<DumpId, number>()
  const offsets = toc.flatMap(({ data, dumpId }) => (data.state === 'set' ? [{ dumpId, offset: data.offset }] : []))
  offsets.sort((a, b) => a.offset - b.offset)
  const known = new Set(offsets.map(({ offset }) => offset))
  let next = 0
  let last: BlockSpan | undefined
  for await (const span of layout.blocks()) {
    while ((offsets[next]?.offset ?? Infinity) < span.offset) next++
    while (offsets[next]?.offset === span.offset) next++
    if (span.kind === 'block') {
      verifyBlock(span, entries, seen, findings)
      for (; (offsets[next]?.offset ?? Infinity) < span.end; next++) within(offsets[next], span, findings)
    } else if (span.kind === 'second-toc') {
      findings.add({
        code: 'SECOND_TOC',
        severity: 'info',
        message: `The table of contents is there a second time, from offset ${span.offset} on`,
        offset: span.offset,
        hint: 'pg_dump 16 and newer write it so into redirected output (> file); pg_restore reads the first, which may lack offsets: pgdmp reindex sets them',
      })
    } else if (!known.has(span.offset)) {
      // of what an entry leads to, reading it has told
      damage(span, last, layout.archiveBytes, findings)
    }
    last = span
  }
}

type Block = Extract<BlockSpan, { kind: 'block' }>

function verifyBlock(
  { dumpId, offset, holdsLargeObjects }: Block,
  entries: ReadonlyMap<DumpId, TocEntry>,
  seen: Map<DumpId, number>,
  findings: Findings,
): void {
  const entry = entries.get(dumpId)
  const earlier = seen.get(dumpId)
  seen.set(dumpId, offset)
  if (entry === undefined) {
    findings.add({
      code: 'BLOCK_WITHOUT_ENTRY',
      severity: 'warning',
      message: `The data block at offset ${offset} has id ${dumpId}, which no entry has`,
      dumpId,
      offset,
      hint: 'A restore passes over it: its data belong to no table',
    })
  } else if (earlier !== undefined) {
    findings.add({
      code: 'DUPLICATE_BLOCK',
      severity: 'warning',
      message: `The data block at offset ${offset} has id ${dumpId}, as the one at offset ${earlier} has`,
      dumpId,
      offset,
      hint: 'Which of them is restored depends on how the archive is read',
    })
  } else if (!holdsStoredData(entry)) {
    findings.add({
      code: 'BLOCK_WITHOUT_ENTRY',
      severity: 'warning',
      message: `The data block at offset ${offset} has id ${dumpId}, whose entry ${entry.desc} has no data`,
      dumpId,
      offset,
      hint: 'A restore passes over it: its data belong to no table',
    })
  } else if (holdsLargeObjects !== (entry.desc === 'BLOBS') && entry.data.state === 'not-set') {
    findings.add({
      code: 'BLOCK_MISMATCH',
      severity: 'error',
      message: `The data block of entry ${dumpId}, ${entry.desc}, holds ${holdsLargeObjects ? 'large objects' : 'one stream'}`,
      dumpId,
      offset,
    })
  }
}

function within(
  at: { readonly dumpId: DumpId; readonly offset: number } | undefined,
  { dumpId, offset, end }: Block,
  findings: Findings,
): void {
  if (at === undefined) return
  findings.add({
    code: 'OVERLAPPING_BLOCKS',
    severity: 'error',
    message: `The offset ${at.offset} of entry ${at.dumpId} lies within the data block ${dumpId}, which reaches from ${offset} to ${end}`,
    dumpId: at.dumpId,
    offset: at.offset,
    hint: 'The offsets in the table of contents are wrong: pgdmp salvage finds blocks without them',
  })
}

function damage(
  { offset, error }: Extract<BlockSpan, { kind: 'damage' }>,
  last: BlockSpan | undefined,
  archiveBytes: number,
  findings: Findings,
): void {
  const isTrailing = last === undefined || (last.kind === 'block' && last.end === offset)
  findings.add({
    ...asFinding(error),
    code: isTrailing ? 'TRAILING_BYTES' : error.code,
    message: isTrailing
      ? `The ${archiveBytes - offset} bytes from offset ${offset} on do not begin with a data block`
      : error.message,
    offset,
    dumpId: undefined,
    hint: 'Nothing refers to them, or the lengths of the block before are wrong',
  })
}

/** Files that the entries need, by the name recorded: each may lie there under one of several names. */
function namesOf(toc: readonly TocEntry[], oids: Iterable<number>): ReadonlySet<string> {
  // pg_dump -Ft writes a script beside the data, which stays when the archive is unpacked
  const names = new Set<string>(['toc.dat', 'restore.sql'])
  for (const { data, desc, dumpId } of toc) {
    if (data.state !== 'file' || data.filename === '') continue
    names.add(data.filename)
    if (desc !== 'BLOBS') continue
    names.add('blobs.toc')
    names.add(`blobs_${dumpId}.toc`)
  }
  for (const oid of oids) names.add(`blob_${oid}.dat`)
  return names
}

/** Tells by which names the needed files are there, and what is there besides. */
class NameCheck {
  /** Which file a stored name is one of. */
  readonly #wanted = new Map<string, string>()
  readonly #found = new Map<string, string>()
  readonly #findings: Findings

  constructor(wanted: ReadonlySet<string>, findings: Findings) {
    for (const name of wanted) for (const [stored] of fileNames(name)) this.#wanted.set(stored, name)
    this.#findings = findings
  }

  see(stored: string, offset?: number): void {
    const name = this.#wanted.get(stored)
    if (name === undefined) {
      this.#findings.add({
        code: 'UNREFERENCED_FILE',
        severity: 'warning',
        message: `No entry refers to ${JSON.stringify(stored)}`,
        file: stored,
        offset,
        hint: 'A restore does not read it: it belongs to another archive, or its entry is gone',
      })
      return
    }
    const earlier = this.#found.get(name)
    this.#found.set(name, stored)
    if (earlier === undefined) return
    this.#findings.add({
      code: 'DUPLICATE_FILE',
      severity: 'error',
      message: `"${name}" is there twice, as ${JSON.stringify(earlier)} and as ${JSON.stringify(stored)}`,
      file: stored,
      offset,
      hint: 'Which of them is restored depends on how the archive is read',
    })
  }
}

async function verifyFiles(
  layout: Extract<ArchiveLayout, { kind: 'directory' }>,
  wanted: ReadonlySet<string>,
  findings: Findings,
): Promise<void> {
  const names = new NameCheck(wanted, findings)
  for (const { name, isFile } of await layout.files()) {
    if (isFile) {
      names.see(name)
      continue
    }
    findings.add({
      code: 'NOT_A_FILE',
      severity: 'warning',
      message: `${JSON.stringify(name)} is no regular file`,
      file: name,
      hint: 'pg_dump writes plain files only; a link may lead out of the directory',
    })
  }
}

async function verifyMembers(
  layout: Extract<ArchiveLayout, { kind: 'tar' }>,
  wanted: ReadonlySet<string>,
  findings: Findings,
): Promise<void> {
  const names = new NameCheck(wanted, findings)
  try {
    for await (const { name, offset } of layout.members()) names.see(name.slice(name.lastIndexOf('/') + 1), offset)
    verifyTail(await layout.tail(), findings)
  } catch (error) {
    findings.addError(error)
  }
}
