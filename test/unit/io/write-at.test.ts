import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { openSink } from '../../../src/io/sink.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-write-at-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('writeAt() of a file overwrites what was there, whatever is still behind, and later writes go on at the end', async () => {
  const step = fc.record({
    length: fc.integer({ min: 0, max: 1_500_000 }),
    patch: fc.option(
      fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.integer({ min: 0, max: 9000 }) }),
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 7 }), async (steps) => {
      const path = join(folder, 'file')
      const model = new Uint8Array(steps.reduce((sum, { length }) => sum + length, 0))
      const sink = await openSink(path, { sync: false })
      let end = 0
      const lent = new Uint8Array(1_500_000)
      for (const [index, { length, patch }] of steps.entries()) {
        const chunk = lent.fill(index + 1).subarray(0, length)
        model.set(chunk, end)
        end += length
        await sink.write(chunk)
        if (patch === null) continue
        const at = Math.floor(patch.at * end)
        const bytes = lent.fill(100 + index).subarray(0, Math.min(patch.length, end - at))
        model.set(bytes, at)
        await sink.writeAt?.(bytes, at)
        expect(sink.position).toBe(end)
      }
      await sink.commit()
      expect(Buffer.compare(readFileSync(path), model)).toBe(0)
    }),
    { numRuns: 25 },
  )
})

test('writeAt() refuses bytes that are not there', async () => {
  const sink = await openSink(join(folder, 'short'))
  await sink.write(new Uint8Array(10))
  for (const offset of [-1, 6, 11]) {
    await expect(sink.writeAt?.(new Uint8Array(5), offset), String(offset)).rejects.toMatchObject({ code: 'USAGE' })
  }
  await sink.writeAt?.(new Uint8Array(5), 5)
  await sink.abort()
})

test('writeAt() is absent where the output cannot go back', async () => {
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const reader = open(fifo, 'r')
  const outputs = ['/dev/null', fifo, new PassThrough(), new WritableStream<Uint8Array>()]
  for (const output of outputs) {
    const sink = await openSink(output)
    expect(sink.writeAt).toBe(undefined)
    await sink.abort()
  }
  await (await reader).close()
})
