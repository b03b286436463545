import type { Container } from '../codec/codec.ts'
import type { Findings } from './findings.ts'

/** Bit of an LZ4 frame's flags, and of a zstd frame's descriptor: a checksum of the content follows it. */
const CONTENT_CHECKSUM = 0x04
/** Of the magic numbers of these frames. */
const FIRST_BYTE = { lz4: 0x04, zstd: 0x28 } as const
/** Both stand after four bytes of magic number. */
const FLAGS_AT = 4

/** Counts which streams of data carry a checksum, by their first bytes. */
export class ChecksumCount {
  #streams = 0
  #without = 0
  readonly #containers = new Set<Container>()

  see(container: Container, head: Uint8Array): void {
    this.#streams++
    if (hasChecksum(container, head)) return
    this.#without++
    this.#containers.add(container)
  }

  /** Says that a change of stored data may go unnoticed. */
  report(findings: Findings): void {
    if (this.#without === 0) return
    const names = Array.from(this.#containers, (name) => (name === 'none' ? 'uncompressed' : name)).sort()
    const which = this.#without === this.#streams ? 'This archive has no checksums' : 'Some data have no checksum'
    findings.add({
      code: 'NO_CHECKSUMS',
      severity: 'info',
      message: `${which}: ${this.#without} of ${this.#streams} streams of data (${names.join(', ')}) can change unnoticed, for pg_restore as well`,
      hint: 'Keep a receipt (pgdmp verify --receipt), with which every change is found, or convert the archive, which adds checksums to lz4 and zstd',
    })
  }
}

function hasChecksum(container: Container, head: Uint8Array): boolean {
  switch (container) {
    case 'zlib':
    case 'gzip':
      return true
    case 'lz4':
    case 'zstd':
      // a skippable frame has no flags there
      return head[0] === FIRST_BYTE[container] && ((head[FLAGS_AT] ?? 0) & CONTENT_CHECKSUM) !== 0
    case 'none':
      return false
    default:
      return container satisfies never
  }
}
