import { encodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import { tarBlockBytes, tarChecksum } from './tar-header.ts'

/** What differs from one member that pg_dump writes to the other. */
export interface TarHeaderFields {
  /** At most 99 bytes. */
  readonly name: string
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
}

/** Owner and group of every member, numbers without a meaning (_tarWriteHeader, pg_backup_tar.c). */
const UID = 0o4000
const GID = 0o2000

/** The header block of a member as pg_dump writes it (tarCreateHeader, src/port/tar.c). */
export function writeTarHeader({ name, size, mtime }: TarHeaderFields): Uint8Array {
  if (name.length > 99) {
    throw new ArchiveError('USAGE', `Cannot write tar member "${name}": its name has ${name.length} bytes, at most 99`)
  }
  const block = new Uint8Array(tarBlockBytes)
  writeByteString(name, block, 0) // 100 bytes  name
  writeNumber(block, 100, 8, 0o600) // 8 bytes  mode
  writeNumber(block, 108, 8, UID) // 8 bytes  uid
  writeNumber(block, 116, 8, GID) // 8 bytes  gid
  writeNumber(block, 124, 12, size) // 12 bytes  size
  writeNumber(block, 136, 12, mtime) // 12 bytes  mtime
  writeByteString('0', block, 156) // 1 byte  type: a regular file
  writeByteString('ustar\x0000', block, 257) // 6 bytes  magic, 2 bytes  version
  writeByteString('postgres', block, 265) // 32 bytes  uname
  writeByteString('postgres', block, 297) // 32 bytes  gname
  writeNumber(block, 329, 8, 0) // 8 bytes  devmajor
  writeNumber(block, 337, 8, 0) // 8 bytes  devminor
  writeNumber(block, 148, 8, tarChecksum(block, 0)) // 8 bytes  checksum
  return block
}

/**
 * Octal digits and a blank, or base-256 when there are not digits enough: from 8 GiB on for a size
 * (print_tar_number, src/port/tar.c).
 */
function writeNumber(block: Uint8Array, at: number, length: number, value: number): void {
  if (value < 8 ** (length - 1)) {
    block.set(encodeByteString(`${value.toString(8).padStart(length - 1, '0')} `), at)
    return
  }
  block[at] = 0x80
  let rest = value
  for (let index = at + length - 1; index > at; index--) {
    block[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}
