import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Frees what is not used any more before as much again is made: left to itself, V8 collects some time later, and both
 * count for the peak (bench case audit --data).
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
}

/**
 * V8 puts what functions call into them when it compiles them, which pays off over seconds. An audit has much code of
 * which each part runs for some milliseconds: there it takes longer than it saves (bench case audit).
 */
export function compileShortCode(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=100')
}
