import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { journalFile, open, restore } from '../../../src/index.ts'
import { journalHead, journalLines, parseJournal } from '../../../src/restore/journal-state.ts'
import type { JournalLine } from '../../../src/restore/journal-state.ts'
import { fixture } from '../../helpers/corpus.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-journal-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = '0123456789abcdef0123456789abcdef'
const head = journalHead(run, 'plan', { database: 'db', created: null, entries: 3 })
const place: JournalLine = { event: 'place', database: 'db', oid: '5', system: null }
const text = (...lines: readonly JournalLine[]): string => journalLines([head, ...lines])

describe('parseJournal()', () => {
  test('gives nothing for a journal that has not begun, its first line being torn included', () => {
    const first = text()
    for (let length = 0; length < first.length; length++) {
      expect(parseJournal(first.slice(0, length), 'j')).toBeUndefined()
    }
    expect(parseJournal('\0\0\0', 'j')).toBeUndefined()
  })

  test('leaves out a last line that is torn, wherever that is', () => {
    const whole = text(place)
    const torn = journalLines([{ event: 'round', round: 1 }])
    for (let length = 0; length < torn.length; length++) {
      expect(parseJournal(whole + torn.slice(0, length), 'j')).toMatchObject({ round: 0, place: { oid: '5' } })
    }
    expect(parseJournal(whole + torn, 'j')).toMatchObject({ round: 1 })
  })

  test('takes what failed in a round for what is left in the next', () => {
    const first = text(place, { event: 'round', round: 1 }, { event: 'doing', step: '1:step:0' })
    expect(parseJournal(first, 'j')).toMatchObject({ left: undefined, doing: new Set(['1:step:0']) })
    const ended = first + journalLines([{ event: 'end', round: 1, open: ['7:rows:0'] }])
    expect(parseJournal(ended, 'j')).toMatchObject({ ended: new Set(['7:rows:0']), left: undefined })
    const second = ended + journalLines([{ event: 'round', round: 2 }])
    expect(parseJournal(second, 'j')).toMatchObject({
      round: 2,
      left: new Set(['7:rows:0']),
      ended: undefined,
      doing: new Set(),
    })
  })

  test('knows what was refused from what was interrupted', () => {
    const lines: JournalLine[] = [
      { event: 'doing', step: 'a' },
      { event: 'doing', step: 'b' },
      { event: 'refused', step: 'a' },
    ]
    expect(parseJournal(text(...lines), 'j')?.doing).toEqual(new Set(['b']))
  })

  test.each([
    ['mine'],
    ['mine\n'],
    ['{"pgdmp":"journal of a restore","version":2}\n'],
    [text().replace(run, 'x; DROP SCHEMA public')],
    [`${text()}mine\n`],
    [`${text()}{"event":"end","round":1,"open":[1]}\n`],
    [`${text()}{"event":"toString"}\n`],
    [`${text()}{"event":"place","database":"db","oid":5,"system":null}\n`],
  ])('refuses what no journal has: %j', (other) => {
    expect(() => parseJournal(other, 'j')).toThrow(expect.objectContaining({ code: 'BAD_JOURNAL', file: 'j' }))
  })
})

describe('journalFile()', () => {
  test('adds lines, for its owner alone, and takes the place of a torn one', async () => {
    const path = join(folder, 'one')
    const store = journalFile(path)
    expect(await store.read()).toBe('')
    await store.append('first\n')
    await store.append('second\n')
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileSync(path, 'first\nsec')
    const again = journalFile(path)
    expect(await again.read()).toBe('first\nsec')
    await again.append('third\n')
    await again.append('fourth\n')
    expect(readFileSync(path, 'utf8')).toBe('first\nthird\nfourth\n')
  })

  test('wants a file', async () => {
    await expect(journalFile(folder).read()).rejects.toMatchObject({ code: 'USAGE' })
  })
})

test('restore() keeps no journal with a target that answers no questions', async () => {
  const target = { query: async () => undefined, copyFrom: () => Promise.reject(new Error('no rows are expected')) }
  await using archive = await open(fixture('18/full-Fc.dump').file)
  const resume = join(folder, 'none')
  await expect(restore(archive, target, { resume })).rejects.toMatchObject({ code: 'USAGE' })
  await expect(restore(archive, target, { resume: '' })).rejects.toMatchObject({ code: 'USAGE' })
})
