/**
 * Bounds on what an archive may ask of the reader: inclusive, `Infinity` switches one off.
 * Set at `open`, inherited by every verb; a breach is an `ArchiveError` LIMIT_EXCEEDED with `{limit, max, observed}`.
 */
export interface Limits {
  /** Number of TOC entries. */
  readonly tocEntries: number
  /** Bytes of header and TOC together. */
  readonly tocBytes: number
  /**
   * Bytes of one string in header or TOC; never more than a string of JavaScript holds, 512 MiB. The script of one entry
   * may have twice as many (that of a group of large objects, half as many), 16 to 256 MiB in any case.
   */
  readonly stringBytes: number
  /** Dependencies of one entry. */
  readonly dependencies: number
  /** Bytes of one COPY row. */
  readonly rowBytes: number
  /** Fields of one COPY row (PostgreSQL's own bound is 1,664). */
  readonly fieldsPerRow: number
  /** Bytes of a file name found in an archive. */
  readonly fileNameBytes: number
  /** Decompressed bytes of one entry's data (of one large object within BLOBS); not of a file around a whole archive. */
  readonly entryBytes: number
  /** Decompressed bytes for each stored byte of one entry, checked once 8 MiB have come out. */
  readonly expansionRatio: number
  /** Window of a zstd frame, bytes. */
  readonly zstdWindow: number
  /** Bytes of a temporary file that a stream is copied into. */
  readonly spoolBytes: number
  /** The same in percent of what is free on its disk, of what other programs leave of it meanwhile. */
  readonly spoolPercent: number
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** Real archives of any size open with these. */
export const defaultLimits: Limits = Object.freeze({
  tocEntries: 50_000_000,
  tocBytes: 4 * GiB,
  stringBytes: 128 * MiB,
  dependencies: 10_000_000,
  rowBytes: 4 * GiB,
  fieldsPerRow: 1664,
  fileNameBytes: 1024,
  entryBytes: Infinity,
  expansionRatio: Infinity,
  zstdWindow: 128 * MiB,
  spoolBytes: Infinity,
  spoolPercent: 90,
})

/** For input from strangers. */
export const strictLimits: Limits = Object.freeze({
  tocEntries: 200_000,
  tocBytes: 256 * MiB,
  stringBytes: 16 * MiB,
  dependencies: 100_000,
  rowBytes: 64 * MiB,
  fieldsPerRow: 1664,
  fileNameBytes: 255,
  entryBytes: 64 * GiB,
  // more than blank-padded tables in gzip have (up to 373), less than a bomb in gzip or zstd (1,030 and more)
  expansionRatio: 500,
  zstdWindow: 8 * MiB,
  spoolBytes: 64 * GiB,
  spoolPercent: 50,
})

/** Nothing is bounded: for archives that can be trusted. */
export const noLimits: Limits = Object.freeze({
  tocEntries: Infinity,
  tocBytes: Infinity,
  stringBytes: Infinity,
  dependencies: Infinity,
  rowBytes: Infinity,
  fieldsPerRow: Infinity,
  fileNameBytes: Infinity,
  entryBytes: Infinity,
  expansionRatio: Infinity,
  zstdWindow: Infinity,
  spoolBytes: Infinity,
  spoolPercent: Infinity,
})

/** Characters that a string of V8 has at most: 2^29 − 24. */
export const mostStringBytes = 536_870_888

/** Characters of SQL that one entry may be made into: a group of large objects repeats its grants for each of them. */
export function mostScriptText({ stringBytes }: Limits): number {
  return Math.min(256 * MiB, Math.max(16 * MiB, 2 * stringBytes))
}

/** The limits by the name of a preset. */
export const limitPresets = Object.freeze({ default: defaultLimits, strict: strictLimits, none: noLimits })

/** Name of a preset of {@link Limits}. */
export type LimitPreset = keyof typeof limitPresets

/** The name of a limit on the command line: `toc-entries`. */
export function limitOption(limit: keyof Limits): string {
  return limit.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** What to do about a limit that an archive exceeds. */
export function raiseHint(limit: keyof Limits): string {
  return `Raise limits.${limit} (--limit ${limitOption(limit)}=…) if the archive can be trusted`
}
