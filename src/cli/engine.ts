import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Frees what is not used any more before as much again is made: left to itself, V8 collects some time later, and both
 * count for the peak (bench case audit --data).
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  // code that is kept is for the options it was compiled under
  setFlagsFromString('--no-expose-gc')
  if (typeof collect === 'function') collect()
}
