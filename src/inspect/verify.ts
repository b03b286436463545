import { openOptionKinds, readerOptions, type OpenOptions } from '../archive.ts'
import { aBoolean, aFunction, checkOptions, oneOf, type OptionKinds } from '../check-options.ts'
import type { DecodeContext } from '../codec/codec.ts'
import { toHex } from '../codec/sha256.ts'
import { ArchiveError, isArchiveError, type Finding, type OnWarning } from '../errors.ts'
import { openArchive, type OpenedReader } from '../format/open.ts'
import type { FormatReader } from '../format/reader.ts'
import { mostBytesBehind } from '../format/tar-forward.ts'
import type { ArchiveInput } from '../io/input.ts'
import { entryDigest } from '../ops/digest-fields.ts'
import { LargeObjectDigests } from '../ops/digest-objects.ts'
import { wholeDigest, type ArchiveDigest } from '../ops/digest-whole.ts'
import { packageVersion } from '../package-version.ts'
import type { ArchiveFormat, ArchiveHeader, DumpId, TocEntry } from '../toc/types.ts'
import { DigestedInput, type StoredDigest } from './archive-sha256.ts'
import { CheckThread } from './check-thread.ts'
import { ChecksumCount } from './checksums.ts'
import { compareReceipts } from './compare-receipts.ts'
import { Findings } from './findings.ts'
import { parseReceipt, receiptVersion, type Receipt } from './receipt.ts'
import { textRules } from './text-check.ts'
import { DataReading, holdsStoredData } from './verify-data.ts'
import { verifyLayout } from './verify-layout.ts'
import { verifyLargeObjects } from './verify-objects.ts'
import { verifyToc } from './verify-toc.ts'

/** How an archive is to be verified. */
export interface VerifyOptions extends Pick<
  OpenOptions,
  'format' | 'limits' | 'spool' | 'maxBufferBytes' | 'workers' | 'signal'
> {
  /**
   * `deep` (the default): every byte of data is decompressed and checked. `quick`: header, table of contents, offsets,
   * and that the data are there, without decompressing them.
   */
  readonly level?: 'deep' | 'quick'
  /** Make a receipt of a sound archive; needs `deep`. */
  readonly receipt?: boolean
  /** Compare the content with this receipt; needs `deep`. */
  readonly against?: Receipt
  /** Hears of each finding when it comes up. */
  readonly onFinding?: OnWarning
  readonly onProgress?: (progress: VerifyProgress) => void
}

/** How far it is. */
export interface VerifyProgress {
  /** Bytes decompressed. */
  readonly bytes: number
  /** Part of the stored data that is done, 0 to 1; undefined where their size is not known before. */
  readonly part: number | undefined
  /** What is being read. */
  readonly entry: TocEntry | undefined
}

/** What was found out about the data of an entry. */
export interface VerifiedEntry {
  readonly dumpId: DumpId
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  /** Rows of a table; null for anything else, and after `quick`. */
  readonly rows: number | null
  /** INSERT statements where a table was dumped so; else null. */
  readonly statements: number | null
  /** Large objects; null for tables. */
  readonly largeObjects: number | null
  /** As stored, compressed as they are; null where that is not known. */
  readonly storedBytes: number | null
  /** Decompressed; null after `quick`. */
  readonly bytes: number | null
  /** SHA-256 of the data; null after `quick`, for large objects, and where not all could be read. */
  readonly digest: string | null
}

/** What {@link verify} found out. */
export interface VerifyReport {
  /** Header and table of contents could be read; if not, the finding says why, and there is nothing else. */
  readonly readable: boolean
  /** There is no finding but information. */
  readonly sound: boolean
  readonly level: 'deep' | 'quick'
  readonly format: ArchiveFormat | null
  readonly header: ArchiveHeader | null
  /** Entries that have data, in the order of the table of contents. */
  readonly entries: readonly VerifiedEntry[]
  readonly totals: {
    readonly entries: number
    readonly withData: number
    readonly rows: number
    readonly largeObjects: number
    readonly storedBytes: number
    readonly bytes: number
  }
  readonly findings: readonly Finding[]
  /** Digests of the content (spec/digest.md); null after `quick` and where not all could be read. */
  readonly digest: ArchiveDigest | null
  /** Where it was asked for, and all could be read. */
  readonly receipt: Receipt | null
}

const optionKinds: OptionKinds<VerifyOptions> = {
  format: openOptionKinds.format,
  limits: openOptionKinds.limits,
  spool: openOptionKinds.spool,
  maxBufferBytes: openOptionKinds.maxBufferBytes,
  workers: openOptionKinds.workers,
  signal: openOptionKinds.signal,
  level: oneOf('deep', 'quick'),
  receipt: aBoolean,
  against: true,
  onFinding: aFunction,
  onProgress: aFunction,
}

/**
 * Tells whether an archive is sound: nothing missing, nothing damaged, nothing that a restore would stumble over.
 * Defects are findings, never exceptions; after one it goes on as far as the container allows.
 *
 * @param input as for `open`
 * @throws ArchiveError USAGE, BAD_RECEIPT; file-system errors about the archive itself, and `signal.reason`, unwrapped
 * @example
 * const { sound, findings } = await verify('nightly.dump')
 */
export async function verify(input: ArchiveInput, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptions('verify', options, optionKinds)
  const { level = 'deep', signal, receipt = false } = options
  const against = options.against === undefined ? undefined : parseReceipt(options.against)
  const wantsReceipt = receipt || against !== undefined
  if (wantsReceipt && level === 'quick') {
    throw new ArchiveError('USAGE', 'Cannot verify quickly with a receipt: it takes reading all data', {
      hint: 'Leave out one of the two',
    })
  }
  signal?.throwIfAborted()
  const findings = new Findings(options.onFinding)
  const checksums = new ChecksumCount()
  const { format, limits, spool = false, maxBufferBytes, workers } = options
  const reading = {
    ...readerOptions({
      ...(format === undefined ? {} : { format }),
      ...(limits === undefined ? {} : { limits }),
      ...(maxBufferBytes === undefined ? {} : { maxBufferBytes }),
      ...(workers === undefined ? {} : { workers }),
      ...(signal === undefined ? {} : { signal }),
      // what reading remarks upon is told, and is no defect
      onWarning: (finding) => findings.add({ ...finding, severity: 'info' }),
    }),
    onStored: checksums.see.bind(checksums),
    ...(level === 'deep' ? { onPassedOver: passedOver(findings) } : {}),
  }
  const digested = wantsReceipt ? await DigestedInput.open(input) : undefined
  try {
    let opened: OpenedReader
    try {
      const plan = { format, spool, forwardOnly: false, asPgRestore: false }
      opened = await openArchive(digested?.input ?? input, reading, plan)
    } catch (error) {
      if (!isArchiveError(error) || error.code === 'USAGE') throw error
      findings.addError(error)
      return unreadable(level, findings)
    }
    const { reader } = opened
    try {
      const verification = new Verification(reader, findings, { ...options, against, level })
      const isParallel = level === 'deep' && workers !== 0
      const checks = new CheckThread(textRules(reader.settings, reading.limits), isParallel)
      try {
        await verification.run(checks)
      } finally {
        await checks.stop()
      }
      checksums.report(findings)
      if (digested === undefined) return verification.report(undefined)
      const stored = await digested.digest(reader.directory, signal)
      if (stored === undefined) findings.add(withoutEnd)
      return verification.report(stored)
    } finally {
      await closeAll(opened)
    }
  } finally {
    await digested?.close()
  }
}

/** The digest of a file is that of all of it. */
const withoutEnd: Finding = {
  code: 'TRAILING_BYTES',
  severity: 'error',
  message: `The stream goes on for more than ${mostBytesBehind / 1024 / 1024} MiB behind what was read as the archive: there is no digest of all of it`,
  hint: 'It may have no end: verify a file, or find out what is written behind the archive',
}

/** Tells once for each entry of data that pg_restore would read but a part of. */
function passedOver(findings: Findings): (context: DecodeContext) => void {
  const told = new Set<number | undefined>()
  return ({ action, dumpId }) => {
    if (told.has(dumpId)) return
    told.add(dumpId)
    findings.add({
      code: 'FRAME_WITHIN_CHUNK',
      severity: 'error',
      message: `pg_restore would not ${action} to the end: a zstd frame begins within a chunk, behind the end of another, and is passed over without a word`,
      dumpId,
      hint: 'Convert the archive to a directory or to another compression (pgdmp convert): nothing is missing then',
    })
  }
}

async function closeAll({ reader, release }: OpenedReader): Promise<void> {
  try {
    await reader.close()
  } finally {
    await release()
  }
}

function unreadable(level: 'deep' | 'quick', findings: Findings): VerifyReport {
  return {
    readable: false,
    sound: false,
    level,
    format: null,
    header: null,
    entries: [],
    totals: { entries: 0, withData: 0, rows: 0, largeObjects: 0, storedBytes: 0, bytes: 0 },
    findings: findings.all(),
    digest: null,
    receipt: null,
  }
}

type LevelledOptions = Omit<VerifyOptions, 'against'> & {
  readonly level: 'deep' | 'quick'
  readonly against: Receipt | undefined
}

/** Digests of all, and the entries that are digested one by one. */
interface ContentDigests {
  readonly whole: ArchiveDigest
  readonly entries: readonly TocEntry[]
}

/** The verification of one archive that is open. */
class Verification {
  readonly #reader: FormatReader
  readonly #findings: Findings
  readonly #options: LevelledOptions
  #data: DataReading | undefined
  #storedBytes: ReadonlyMap<DumpId, number> = new Map()

  constructor(reader: FormatReader, findings: Findings, options: LevelledOptions) {
    this.#reader = reader
    this.#findings = findings
    this.#options = options
  }

  async run(checks: CheckThread): Promise<void> {
    const { level, signal, onProgress = () => undefined } = this.#options
    const reader = this.#reader
    const { toc, seekable } = reader
    verifyToc(reader.header, toc, this.#findings)
    // without offsets, sizes are known once the data have been read
    const isScanned = toc.some(({ data }) => data.state === 'not-set')
    if (seekable && !isScanned) this.#storedBytes = (await reader.storedSizes(signal)).dataBytes
    if (this.#storedBytes.size > 0) checks.expect(this.#storedBytes.values())
    const partBefore = this.#parts()
    const onBytes = (bytes: number, entry: TocEntry | undefined): void =>
      onProgress({ bytes, part: entry === undefined ? undefined : partBefore(entry.dumpId), entry })
    const data = new DataReading(reader, this.#findings, { level, checks, signal, onBytes })
    this.#data = data
    if (seekable) await data.inAnyOrder()
    else await data.inTurn()
    if (seekable && isScanned) this.#storedBytes = (await reader.storedSizes(signal)).dataBytes
    // what was not come to is not missing
    if (data.isComplete) verifyLargeObjects(toc, data.objects, this.#findings)
    const layout = reader.layout(signal)
    if (layout !== undefined) await verifyLayout(layout, toc, data.objects.keys(), this.#findings)
  }

  /** Which part of the stored data lies before an entry's. */
  #parts(): (dumpId: DumpId) => number | undefined {
    const before = new Map<DumpId, number>()
    let total = 0
    for (const { dumpId } of this.#reader.toc) {
      before.set(dumpId, total)
      total += this.#storedBytes.get(dumpId) ?? 0
    }
    return (dumpId) => (total === 0 ? undefined : (before.get(dumpId) ?? 0) / total)
  }

  /** @param stored digest of the archive as it is, where a receipt is wanted or given */
  report(stored: StoredDigest | undefined): VerifyReport {
    const { level, receipt: wantsReceipt = false, against } = this.#options
    const { header, format, toc } = this.#reader
    const digests = level === 'deep' && this.#isAllRead() ? this.#digests() : undefined
    const receipt = digests === undefined || stored === undefined ? undefined : this.#receipt(digests, stored)
    if (against !== undefined) this.#compare(against, receipt)
    const findings = this.#findings.all()
    const entries = toc.filter(holdsStoredData).map((entry) => this.#entry(entry))
    const sum = (of: (entry: VerifiedEntry) => number | null): number =>
      entries.reduce((total, entry) => total + (of(entry) ?? 0), 0)
    return {
      readable: true,
      sound: findings.every(({ severity }) => severity === 'info'),
      level,
      format,
      header,
      entries,
      totals: {
        entries: toc.length,
        withData: entries.length,
        rows: sum(({ rows }) => rows),
        largeObjects: this.#data?.objects.size ?? 0,
        storedBytes: sum(({ storedBytes }) => storedBytes),
        bytes: sum(({ bytes }) => bytes),
      },
      findings,
      digest: digests?.whole ?? null,
      receipt: wantsReceipt ? (receipt ?? null) : null,
    }
  }

  #compare(against: Receipt, receipt: Receipt | undefined): void {
    if (receipt !== undefined) {
      for (const finding of compareReceipts(against, receipt)) this.#findings.add(finding)
      return
    }
    this.#findings.add({
      code: 'NOT_COMPARED',
      severity: 'error',
      message: 'The archive was not compared with the receipt: not all of it could be read',
    })
  }

  #isAllRead(): boolean {
    const data = this.#data
    if (data === undefined) return false
    for (const oid of data.objects.keys()) if (data.objects.get(oid)?.digest == null) return false
    return this.#reader.toc.every((entry) => {
      if (!holdsStoredData(entry)) return true
      const read = data.entries.get(entry)
      return read !== undefined && (read.objects !== null || read.digest !== null)
    })
  }

  #digests(): ContentDigests {
    const { toc, header } = this.#reader
    const objects = new LargeObjectDigests(toc)
    const entries = objects.others()
    const data = new Map<DumpId, Uint8Array>()
    for (const [{ dumpId }, { digest }] of this.#data?.entries ?? []) if (digest !== null) data.set(dumpId, digest)
    const read = this.#data?.objects
    for (const oid of read?.keys() ?? []) {
      const digest = read?.get(oid)?.digest ?? null
      if (digest !== null) objects.addContent(oid, digest)
    }
    return { whole: wholeDigest(header, entries, data, objects), entries }
  }

  #entry(entry: TocEntry): VerifiedEntry {
    const { dumpId, desc, namespace, tag } = entry
    const read = this.#data?.entries.get(entry)
    const digest = read?.digest ?? null
    return {
      dumpId,
      desc,
      namespace,
      tag,
      rows: read?.rows ?? null,
      statements: read?.statements ?? null,
      largeObjects: read?.objects ?? null,
      storedBytes: this.#storedBytes.get(dumpId) ?? null,
      bytes: read?.bytes ?? null,
      digest: digest === null ? null : toHex(digest),
    }
  }

  #receipt({ whole, entries }: ContentDigests, stored: StoredDigest): Receipt {
    const { header, format } = this.#reader
    const { major, minor, rev } = header.version
    return {
      receipt: receiptVersion,
      tool: `pgdmp ${packageVersion}`,
      time: new Date().toISOString(),
      archive: {
        format,
        version: `${major}.${minor}.${rev}`,
        compression: header.compression.algorithm,
        bytes: stored.bytes,
        sha256: stored.sha256,
      },
      header: {
        dbname: header.dbname,
        serverVersion: header.remoteVersion,
        pgDumpVersion: header.dumpVersion,
        sha256: whole.header,
      },
      digest: { sha256: whole.sha256, content: whole.content },
      entries: entries.map((entry, index) => {
        const { dumpId, desc, namespace, tag } = entry
        const read = this.#data?.entries.get(entry)
        const data = whole.entries[index]?.data ?? null
        const definition = toHex(entryDigest(entry, null))
        return { dumpId, desc, namespace, tag, definition, data, rows: read?.rows ?? null, bytes: read?.bytes ?? null }
      }),
      largeObjects: whole.largeObjects.objects.map(({ oid, sha256 }) => {
        const content = this.#data?.objects.get(oid)
        const digest = content?.digest ?? null
        return { oid, sha256, data: digest === null ? null : toHex(digest), bytes: content?.bytes ?? null }
      }),
    }
  }
}
