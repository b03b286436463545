import { expect, test } from 'vitest'
import { Progress } from '../../../src/cli/progress.ts'

/** A screen that keeps what is written, and a clock that is set by hand. */
function stage(columns?: number) {
  const written: string[] = []
  const clock = { now: 1000 }
  const progress = new Progress({ columns, write: (text) => written.push(text) }, () => clock.now)
  return { written, clock, progress }
}

test('Progress draws nothing in the first half second, and then nothing to wipe', () => {
  const { written, clock, progress } = stage()
  clock.now += 499
  progress.update(1024, 0.5, 'TABLE DATA a')
  progress.done()
  expect(written).toEqual([])
})

test('Progress shows part, bytes, rate and the time left', () => {
  const { written, clock, progress } = stage(120)
  clock.now += 1000
  progress.update(10 * 1024 ** 2, 0.25, 'TABLE DATA a')
  expect(written).toEqual(['\r\u001B[K[#####               ]   25 %  10 MiB  10 MiB/s  0:03 left  TABLE DATA a'])
  progress.done()
  expect(written.at(-1)).toBe('\r\u001B[K')
})

test('Progress without a known whole shows the time gone by', () => {
  const { written, clock, progress } = stage()
  clock.now += 2000
  progress.update(2048, undefined, '')
  expect(written).toEqual(['\r\u001B[K2.0 KiB  1.0 KiB/s  0:02'])
})

test('Progress keeps to one line and redraws five times a second at most', () => {
  const { written, clock, progress } = stage(20)
  clock.now += 600
  progress.update(1, 0.5, 'a long name that does not fit')
  progress.update(2, 0.5, 'x')
  clock.now += 199
  progress.update(3, 0.5, 'x')
  expect(written).toHaveLength(1)
  expect(written[0]?.length).toBe('\r\u001B[K'.length + 19)
})
