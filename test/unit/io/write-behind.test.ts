import fc from 'fast-check'
import { test } from 'vitest'
import { WriteBehind } from '../../../src/io/write-behind.ts'
import { expectAllInOrder, expectNothingAfterFailure } from './writers.ts'

function never(): void {
  throw new Error('the calling thread has written')
}

test('WriteBehind writes everything in order, whatever the chunks, and lets them be reused at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 8 }), async (lengths) => {
      await expectAllInOrder(lengths, (put) => {
        return new WriteBehind(async (bytes, position) => {
          await new Promise((resolve) => setImmediate(resolve))
          put(bytes, position)
        }, never)
      })
    }),
    { numRuns: 25 },
  )
})

test('WriteBehind throws a failed write from the next call on, and writes nothing after it', async () => {
  await expectNothingAfterFailure((write) => new WriteBehind(async () => write(), never))
})
