/** Makes small archives byte by byte, right ones and wrong ones. */

const encoder = new TextEncoder()

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))))
}

/** Int of archive ≥ 1.1 with `size` bytes of magnitude. */
export function int(value: number, size = 4): Uint8Array {
  const bytes = new Uint8Array(size + 1)
  bytes[0] = value < 0 ? 1 : 0
  let magnitude = Math.abs(value)
  for (let index = 1; index <= size; index++) {
    bytes[index] = magnitude % 256
    magnitude = Math.floor(magnitude / 256)
  }
  return bytes
}

export function str(text: string | null): Uint8Array {
  if (text === null) return int(-1)
  const bytes = encoder.encode(text)
  return concat(int(bytes.length), bytes)
}

/** An entry of a TOC; what is left out is NULL or empty. */
export interface BuiltEntry {
  readonly dumpId: number
  readonly desc?: string
  readonly tag?: string
  readonly defn?: string
  readonly copyStmt?: string | null
  readonly dependencies?: readonly number[]
  /** Custom: offset of the block; `null` = no data; undefined = not set. */
  readonly offset?: number | null
  /** Directory and tar. */
  readonly file?: string
}

/** Header of 1.16 (or an older minor ≥ 1.15) and TOC; `formatByte` 1 has offsets, 3 file names. */
export function tocBytes(
  entries: readonly BuiltEntry[],
  { formatByte = 1, minor = 16, algorithm = 0 }: { formatByte?: number; minor?: number; algorithm?: number } = {},
): Uint8Array {
  const date = [1, 2, 3, 4, 5, 101, 0].map((value) => int(value))
  const head = concat(
    encoder.encode('PGDMP'),
    [1, minor, 0, 4, 8, formatByte, algorithm],
    ...date,
    str('db'),
    str('16.1'),
    str('16.1'),
  )
  return concat(head, int(entries.length), ...entries.map((entry) => entryBytes(entry, formatByte, minor)))
}

function entryBytes(entry: BuiltEntry, formatByte: number, minor: number): Uint8Array {
  const { dumpId, desc = 'TABLE DATA', tag = 't', copyStmt = 'COPY public.t (x) FROM stdin;\n' } = entry
  const hasData = formatByte === 1 ? entry.offset !== null : entry.file !== undefined
  return concat(
    int(dumpId),
    int(hasData ? 1 : 0),
    str('0'),
    str('9'),
    str(tag),
    str(desc),
    int(3),
    str(entry.defn ?? null),
    str(null),
    str(copyStmt),
    str('public'),
    str(null),
    str(null),
    minor >= 16 ? int(0) : [],
    str('joe'),
    str('false'),
    ...(entry.dependencies ?? []).map((needed) => str(String(needed))),
    str(null),
    formatByte === 1 ? offsetBytes(entry.offset) : str(entry.file ?? ''),
  )
}

function offsetBytes(offset: number | null | undefined): Uint8Array {
  const flag = offset === null ? 3 : offset === undefined ? 1 : 2
  return concat([flag], int(offset ?? 0, 8).subarray(1))
}

/** Chunks with the terminator; an empty part would end them. */
export function chunks(...parts: readonly string[]): Uint8Array {
  const encoded = parts.filter((part) => part !== '').map((part) => encoder.encode(part))
  return concat(...encoded.map((part) => concat(int(part.length), part)), int(0))
}

export function dataBlock(dumpId: number, ...parts: readonly string[]): Uint8Array {
  return concat([1], int(dumpId), chunks(...parts))
}

export function objectsBlock(dumpId: number, objects: readonly (readonly [oid: number, data: string])[]): Uint8Array {
  return concat([3], int(dumpId), ...objects.map(([oid, data]) => concat(oidBytes(oid), chunks(data))), int(0))
}

/** OIDs from 2^31 on are written as negative Ints. */
export function oidBytes(oid: number): Uint8Array {
  return int(oid | 0)
}

/** A custom archive whose entries have the offsets of their blocks. */
export function withOffsets(blocks: readonly { readonly entry: BuiltEntry; readonly bytes: Uint8Array }[]): Uint8Array {
  let offset = tocBytes(blocks.map(({ entry }) => ({ ...entry, offset: 0 }))).length
  const entries = blocks.map(({ entry, bytes }) => {
    const placed = { ...entry, offset }
    offset += bytes.length
    return placed
  })
  return concat(tocBytes(entries), ...blocks.map(({ bytes }) => bytes))
}

export const copyEnd = '\\.\n\n\n'

/** How a member of a tar archive is written. */
export interface BuiltMember {
  readonly name: string
  readonly data?: string | Uint8Array
  readonly type?: string
  readonly magic?: string
  /** Stored instead of the right size; the digits of a base-256 number when given as bytes. */
  readonly sizeField?: Uint8Array
  readonly prefix?: string
}

/** A tar archive with the end mark. */
export function tar(...members: readonly BuiltMember[]): Uint8Array {
  return concat(...members.map(tarMember), new Uint8Array(1024))
}

export function tarMember(member: BuiltMember): Uint8Array {
  const data = typeof member.data === 'string' ? encoder.encode(member.data) : (member.data ?? new Uint8Array(0))
  const block = new Uint8Array(512)
  const put = (text: string, at: number): void => block.set(Buffer.from(text, 'latin1'), at)
  put(member.name, 0)
  put('0000600 ', 100)
  put('0004000 ', 108)
  put('0002000 ', 116)
  put(`${data.length.toString(8).padStart(11, '0')} `, 124)
  if (member.sizeField !== undefined) block.set(member.sizeField, 124)
  put('00000000000 ', 136)
  put(member.type ?? '0', 156)
  put(member.magic ?? 'ustar\x0000', 257)
  put(member.prefix ?? '', 345)
  put('        ', 148)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(7, '0')} `, 148)
  return concat(block, data, new Uint8Array((512 - (data.length % 512)) % 512))
}
