import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeZoneOf } from '../../../src/time/local-time.ts'
import { parseTzif } from '../../../src/time/tzif.ts'

describe('parseTzif()', () => {
  const berlin = readFileSync(new URL('../../fixtures/zoneinfo/Europe/Berlin', import.meta.url))

  it('gives undefined for damaged files, and never throws', () => {
    fc.assert(
      fc.property(fc.nat(berlin.length), fc.nat(200), fc.nat(255), (length, at, byte) => {
        const damaged = Uint8Array.from(berlin.subarray(0, length))
        if (at < damaged.length) damaged[at] = byte
        const rules = parseTzif(damaged)
        if (rules !== undefined) timeZoneOf(rules).formatInstant(1_720_000_000_000)
      }),
      { numRuns: 500 },
    )
    expect(parseTzif(new Uint8Array(0))).toBeUndefined()
    expect(parseTzif(berlin.subarray(0, berlin.length / 2))).toBeUndefined()
  })

  it('reads version 1: after the last transition its type stays', () => {
    const first = Uint8Array.from(berlin)
    first[4] = 0
    const rules = parseTzif(first)
    expect(rules?.at(1_720_000_000)).toEqual({ offset: 7200, isdst: true, name: 'CEST' })
    expect(rules?.at(4_120_000_000)).toEqual({ offset: 3600, isdst: false, name: 'CET' })
  })

  it('counts leap seconds', () => {
    const bytes = new Uint8Array(44 + 6 + 4 + 8)
    bytes.set(new TextEncoder().encode('TZif'))
    const view = new DataView(bytes.buffer)
    view.setUint32(28, 1) // leapcnt
    view.setUint32(36, 1) // typecnt
    view.setUint32(40, 4) // charcnt
    bytes.set(new TextEncoder().encode('UTC'), 50)
    view.setInt32(54, 78_796_800)
    view.setInt32(58, 1)
    const rules = parseTzif(bytes)
    if (rules === undefined) throw new Error('must be a zone file')
    const zone = timeZoneOf(rules)
    const instants = [78_796_799, 78_796_800, 78_796_801].map((seconds) => zone.formatInstant(seconds * 1000))
    expect(instants).toEqual(['1972-06-30 23:59:59 UTC', '1972-06-30 23:59:60 UTC', '1972-07-01 00:00:00 UTC'])
  })
})
