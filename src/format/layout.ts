import type { ArchiveError } from '../errors.ts'
import type { DumpId } from '../toc/types.ts'
import type { TarMember } from './tar-walker.ts'

/** What lies where in an archive, besides what its table of contents says of it. */
export type ArchiveLayout =
  | {
      readonly kind: 'custom'
      readonly archiveBytes: number
      /** The blocks one after the other; after damage it goes on at the next offset that the TOC knows. */
      blocks(): AsyncIterable<BlockSpan>
    }
  | {
      readonly kind: 'directory'
      /** Everything in the directory, by name. */
      files(): Promise<readonly LayoutFile[]>
    }
  | {
      readonly kind: 'tar'
      members(): AsyncIterable<TarMember>
      /** What comes after the last member, once all were come past. */
      tail(): Promise<TarTail>
    }

/** A block of a custom archive, a place where one should begin and does not, or what follows the last. */
export type BlockSpan =
  | {
      readonly kind: 'block'
      readonly offset: number
      /** Offset after it. */
      readonly end: number
      readonly dumpId: DumpId
      readonly holdsLargeObjects: boolean
    }
  | { readonly kind: 'damage'; readonly offset: number; readonly error: ArchiveError }
  /** The table of contents once more, to the end: see SecondToc. */
  | { readonly kind: 'second-toc'; readonly offset: number }

/** A name in a directory. */
export interface LayoutFile {
  readonly name: string
  /** 0 for what is no regular file. */
  readonly size: number
  readonly isFile: boolean
}

/** The end of a tar archive. */
export interface TarTail {
  /** Two blocks of zeros mark it. */
  readonly isMarked: boolean
  /** Offset of the first byte after the mark that is not zero; undefined when there is none. */
  readonly trailing: number | undefined
  /** Stream: where zeros begin after the mark that are so many that not all of it was read. */
  readonly unread?: number | undefined
}
