import type { OnWarning } from '../errors.ts'
import type { Pull } from '../io/pull.ts'
import type { Limits } from '../limits.ts'
import { TocParser, type ParsedToc } from '../toc/toc.ts'
import type { ArchiveFormat } from '../toc/types.ts'

/** What {@link readToc} needs to know. */
export interface ReadTocOptions {
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly onWarning: OnWarning
}

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
  }
  return parser.finish()
}
