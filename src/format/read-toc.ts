import { ArchiveError, type OnWarning } from '../errors.ts'
import type { Pull } from '../io/pull.ts'
import type { Limits } from '../limits.ts'
import { TocParser, type ParsedToc } from '../toc/toc.ts'
import type { ArchiveFormat } from '../toc/types.ts'

/** What {@link readToc} needs to know. */
export interface ReadTocOptions {
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly onWarning: OnWarning
  /** Of a compressed stream: how many stored bytes were taken so far. */
  readonly storedBytes?: (() => number) | undefined
}

/** A table of contents that was compressed may have this part of `tocBytes`: thousands of partitions may differ in a digit. */
const PLAIN_PART = 1 / 16
/** Beyond, so many bytes for each stored one: those of a million large objects have 17 in gzip, 43 in zstd at its best. */
const MOST_RATIO = 200

/**
 * Reads header and TOC and leaves `pull` at the byte after them.
 * @throws ArchiveError NOT_AN_ARCHIVE, VERSION_TOO_NEW, BAD_HEADER, BAD_TOC, LIMIT_EXCEEDED, UNEXPECTED_EOF
 */
export async function readToc(pull: Pull, options: ReadTocOptions): Promise<ParsedToc> {
  const parser = new TocParser(options)
  while (!parser.done) {
    const { available, position } = pull
    const window = pull.buffer.subarray(pull.start, pull.end)
    pull.readAhead()
    const taken = available === 0 ? 0 : parser.parse(window, position, (length) => pull.take(length))
    if (taken > 0 || parser.done) continue
    // asking for half as much again keeps a value that comes in single bytes from being tried at each of them
    const enough = await pull.fill(available + Math.max(1, available >> 1))
    if (!enough && pull.available === available) parser.eof(position + available)
    checkExpansion(pull, options)
  }
  return parser.finish()
}

/** It is held in memory, and a few kilobytes may inflate to more than there is. */
function checkExpansion({ position, available }: Pull, { storedBytes, limits }: ReadTocOptions): void {
  if (storedBytes === undefined || limits.tocBytes === Infinity) return
  const observed = position + available
  const max = Math.max(PLAIN_PART * limits.tocBytes, MOST_RATIO * storedBytes())
  if (observed <= max) return
  throw new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot read the table of contents: ${storedBytes()} bytes have inflated to ${observed}, must not be more than ${max}`,
    {
      offset: position,
      details: { limit: 'tocBytes', max, observed },
      hint: 'It is compressed like no table of contents that is known: decompress the file if it can be trusted',
    },
  )
}
