import { posixZone, type LocalType, type ZoneRules } from './posix-zone.ts'

/*
 * A zone file (RFC 8536, versions 1 to 4): a header, then counted arrays; from version 2 the same once more with 8-byte
 * times, then a POSIX zone string between line feeds for the time after the last transition.
 */

const HEADER_BYTES = 44

interface Counts {
  readonly leaps: number
  readonly transitions: number
  readonly types: number
  readonly nameBytes: number
  /** Bytes of the whole block after its header. */
  readonly bytes: number
  readonly timeBytes: 4 | 8
}

interface Leap {
  readonly time: number
  /** Leap seconds so far. */
  readonly total: number
}

/** The rules in a zone file, or undefined when the bytes are none, as glibc would find. */
export function parseTzif(bytes: Uint8Array): ZoneRules | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = readCounts(view, 0, 4)
  if (first === undefined) return undefined
  if (view.getUint8(4) === 0) return readRules(view, HEADER_BYTES, first)
  const second = readCounts(view, HEADER_BYTES + first.bytes, 8)
  return second && readRules(view, HEADER_BYTES + first.bytes + HEADER_BYTES, second)
}

function readCounts(view: DataView, offset: number, timeBytes: 4 | 8): Counts | undefined {
  // 4 bytes  magic "TZif"
  if (offset + HEADER_BYTES > view.byteLength || view.getUint32(offset) !== 0x545a6966) return undefined
  // 1 byte   version;  15 bytes  reserved
  const utFlags = view.getUint32(offset + 20) // 4 bytes  isutcnt
  const standardFlags = view.getUint32(offset + 24) // 4 bytes  isstdcnt
  const leaps = view.getUint32(offset + 28) // 4 bytes  leapcnt
  const transitions = view.getUint32(offset + 32) // 4 bytes  timecnt
  const types = view.getUint32(offset + 36) // 4 bytes  typecnt
  const nameBytes = view.getUint32(offset + 40) // 4 bytes  charcnt
  const bytes =
    transitions * (timeBytes + 1) + types * 6 + nameBytes + leaps * (timeBytes + 4) + standardFlags + utFlags
  if (types === 0 || offset + HEADER_BYTES + bytes > view.byteLength) return undefined
  return { leaps, transitions, types, nameBytes, bytes, timeBytes }
}

function readRules(view: DataView, start: number, counts: Counts): ZoneRules | undefined {
  const { transitions, timeBytes } = counts
  const indexesAt = start + transitions * timeBytes
  const typesAt = indexesAt + transitions
  const namesAt = typesAt + counts.types * 6
  const leapsAt = namesAt + counts.nameBytes

  const types: LocalType[] = []
  for (let index = 0; index < counts.types; index++) {
    const at = typesAt + index * 6
    const offset = view.getInt32(at) // 4 bytes  utoff
    const isdst = view.getUint8(at + 4) // 1 byte   isdst
    const name = view.getUint8(at + 5) // 1 byte   abbrind
    if (isdst > 1 || name >= counts.nameBytes) return undefined
    types.push({ offset, isdst: isdst === 1, name: readName(view, namesAt + name, leapsAt) })
  }

  const times: number[] = []
  const typeAt: LocalType[] = []
  for (let index = 0; index < transitions; index++) {
    const type = types[view.getUint8(indexesAt + index)]
    if (type === undefined) return undefined
    times.push(readTime(view, start + index * timeBytes, timeBytes))
    typeAt.push(type)
  }

  const leaps: Leap[] = []
  for (let index = 0; index < counts.leaps; index++) {
    const at = leapsAt + index * (timeBytes + 4)
    leaps.push({ time: readTime(view, at, timeBytes), total: view.getInt32(at + timeBytes) })
  }

  const footer = timeBytes === 8 ? readFooter(view, start + counts.bytes) : undefined
  const before = types.find((type) => !type.isdst) ?? types[0]
  if (before === undefined) return undefined
  return withLeaps(rulesOf(times, typeAt, before, footer), leaps)
}

function rulesOf(
  times: readonly number[],
  typeAt: readonly LocalType[],
  before: LocalType,
  footer: ZoneRules | undefined,
): ZoneRules {
  return {
    at(seconds) {
      // The number of transitions at or before `seconds`.
      let low = 0
      let high = times.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((times[middle] ?? Infinity) <= seconds) low = middle + 1
        else high = middle
      }
      // Without transitions glibc does not look at the footer.
      if (low === times.length && low > 0 && footer !== undefined) return footer.at(seconds)
      return typeAt[low - 1] ?? before
    },
  }
}

function withLeaps(rules: ZoneRules, leaps: readonly Leap[]): ZoneRules {
  if (leaps.length === 0) return rules
  return {
    at(seconds) {
      const type = rules.at(seconds)
      const index = leaps.findLastIndex((leap) => leap.time <= seconds)
      const leap = leaps[index]
      if (leap === undefined) return type
      const inserted = leap.time === seconds && leap.total > (leaps[index - 1]?.total ?? 0)
      const shifted = { ...type, offset: type.offset - leap.total }
      return inserted ? { ...shifted, leap: 1 } : shifted
    },
  }
}

function readTime(view: DataView, offset: number, size: 4 | 8): number {
  // Times beyond 2^53 mean "since ever": the rounding does not matter.
  return size === 4 ? view.getInt32(offset) : Number(view.getBigInt64(offset))
}

function readName(view: DataView, start: number, limit: number): string {
  let name = ''
  for (let at = start; at < limit; at++) {
    const byte = view.getUint8(at)
    if (byte === 0) break
    name += String.fromCharCode(byte)
  }
  return name
}

function readFooter(view: DataView, start: number): ZoneRules | undefined {
  let text = ''
  for (let at = start + 1; at < view.byteLength; at++) {
    const byte = view.getUint8(at)
    if (byte === 0x0a) return text === '' ? undefined : posixZone(text)
    text += String.fromCharCode(byte)
  }
  return undefined
}
