import { randomBytes as fromPlatform } from '#codec/platform'

/** So many bytes that nobody can foresee. */
export function randomBytes(count: number): Uint8Array {
  return fromPlatform(count)
}
