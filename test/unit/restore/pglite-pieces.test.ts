import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RowSplitter } from '../../../src/drill/row-digest.ts'
import { BackendMessages, frontendMessages } from '../../../src/restore/backend-messages.ts'
import { PGliteCopy } from '../../../src/restore/pglite-copy.ts'

/* Rows and messages of any length, in pieces of any size: each byte is moved a few times, not with every piece. */

const SIZE = 8 * 1024 * 1024
const PIECE = 512

function* piecesOf(bytes: Uint8Array, size = PIECE): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

/** A row of this length, and a short one. */
function longRow(): Uint8Array {
  const bytes = new Uint8Array(SIZE + 3).fill(0x78)
  bytes.set([0x0a, 0x79, 0x0a], SIZE)
  return bytes
}

test('a long message', () => {
  const lengths: number[] = []
  const messages = new BackendMessages({ onCopyData: (data) => void lengths.push(data.length) })
  const answer = frontendMessages(['d', new Uint8Array(SIZE)], ['d', new Uint8Array(1)], ['Z', Uint8Array.of(0x49)])
  for (const piece of piecesOf(answer)) messages.push(piece)
  expect(lengths).toEqual([SIZE, 1])
  expect(messages.status).toBe('I')
})

test('messages that are cut anywhere', () => {
  const answer = frontendMessages(
    ['d', Uint8Array.of(1, 2, 3)],
    ['d'],
    ['d', Uint8Array.of(4)],
    ['Z', Uint8Array.of(0x54)],
  )
  fc.assert(
    fc.property(fc.array(fc.nat(answer.length), { maxLength: 8 }), (cuts) => {
      const data: number[][] = []
      const messages = new BackendMessages({ onCopyData: (bytes) => void data.push([...bytes]) })
      let at = 0
      for (const cut of [...cuts.toSorted((a, b) => a - b), answer.length]) {
        messages.push(answer.slice(at, cut))
        at = cut
      }
      expect(data).toEqual([[1, 2, 3], [], [4]])
      expect(messages.status).toBe('T')
    }),
  )
})

test('a long row on its way into PGlite', async () => {
  const copies: number[] = []
  const copy = new PGliteCopy({
    inTransaction: true,
    command: () => Promise.resolve(),
    copy: (rows) => (copies.push(rows.length), Promise.resolve(1)),
  })
  for (const piece of piecesOf(longRow())) await copy.write(piece)
  await copy.end()
  expect(copies.reduce((sum, length) => sum + length, 0)).toBe(SIZE + 3)
})

test('a long row that is digested', () => {
  const lengths: number[] = []
  const splitter = new RowSplitter((row) => void lengths.push(row.length))
  for (const piece of piecesOf(longRow())) splitter.push(piece)
  splitter.finish()
  expect(lengths).toEqual([SIZE, 1])
})
