import { ArchiveError } from '../errors.ts'
import type { DumpId } from '../toc/types.ts'
import { BLK_BLOBS, type BlockHeader } from './custom-blocks.ts'
import { hints } from './hints.ts'

/** A type byte that is neither BLK_DATA nor BLK_BLOBS, met while looking for a block or while reading the wanted one. */
export function unknownBlockType(header: BlockHeader, purpose: 'search' | 'restore'): ArchiveError {
  const { offset, type, dumpId } = header
  return new ArchiveError(
    'BAD_BLOCK',
    `Cannot read the data block at offset ${offset}: its type is ${type}, must be 1 or 3`,
    {
      offset,
      dumpId: purpose === 'restore' ? dumpId : undefined,
      hint: hints.damaged,
      details: {
        type,
        pgRestore:
          purpose === 'search'
            ? `unrecognized data block type (${type}) while searching archive`
            : `unrecognized data block type ${type} while restoring archive`,
      },
    },
  )
}

/** The TOC gives an offset at which something else lies. */
export function blockMismatch(dumpId: DumpId, header: BlockHeader): ArchiveError {
  const { offset, type } = header
  const found = header.dumpId
  return new ArchiveError(
    'BLOCK_MISMATCH',
    `Cannot read data of TOC entry ${dumpId}: at its offset ${offset} lies a block of type ${type} with id ${found}`,
    {
      offset,
      dumpId,
      hint: 'The offsets in the table of contents are wrong, or the archive was changed or cut short',
      details: {
        dumpId,
        found,
        type,
        pgRestore: `found unexpected block ID (${found}) when reading data -- expected ${dumpId}`,
      },
    },
  )
}

/** The TOC gives an offset at or behind the end of the archive. */
export function blockBehindEnd(dumpId: DumpId, offset: number): ArchiveError {
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot read data of TOC entry ${dumpId}: its block begins at offset ${offset}, the archive ends before that`,
    {
      offset,
      dumpId,
      hint: hints.incomplete,
      details: { dumpId, pgRestore: `could not find block ID ${dumpId} in archive -- possibly corrupt archive` },
    },
  )
}

/** Large objects where one stream is wanted, or the other way round. */
export function wrongBlockKind(dumpId: DumpId, header: BlockHeader): ArchiveError {
  const found = header.type === BLK_BLOBS ? 'large objects' : 'one stream of data'
  return new ArchiveError(
    'BLOCK_MISMATCH',
    `Cannot read data of TOC entry ${dumpId}: its block at offset ${header.offset} holds ${found}`,
    { offset: header.offset, dumpId, details: { dumpId, type: header.type } },
  )
}

const nonSeekable =
  'possibly due to out-of-order restore request, which cannot be handled due to non-seekable input file'

/** No block has the id of an entry that must have one. */
export function missingBlock(dumpId: DumpId, seekable: boolean): ArchiveError {
  return new ArchiveError(
    'MISSING_BLOCK',
    `Cannot read data of TOC entry ${dumpId}: the archive has no block with its id`,
    {
      dumpId,
      hint: hints.incomplete,
      details: {
        dumpId,
        pgRestore: `could not find block ID ${dumpId} in archive -- ${seekable ? 'possibly corrupt archive' : nonSeekable}`,
      },
    },
  )
}

/** The wanted block lies behind the reader, on input that cannot go back. */
export function blockBehind(dumpId: DumpId, position: number): ArchiveError {
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `Cannot read data of TOC entry ${dumpId}: its block lies before offset ${position}, and the input cannot go back`,
    {
      offset: position,
      dumpId,
      hint: hints.anyOrder,
      details: { dumpId, pgRestore: `could not find block ID ${dumpId} in archive -- ${nonSeekable}` },
    },
  )
}
