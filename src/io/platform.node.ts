import type { Readable as NodeReadable } from 'node:stream'

/**
 * What the io layer takes from Node.js, in one place, so that a bundler for browsers swaps this one file
 * (`#io/platform` in package.json) for platform.browser.ts.
 */
export * as fs from 'node:fs'
export { tmpdir } from 'node:os'
export { basename, dirname, isAbsolute, join } from 'node:path'
export { finished, Readable } from 'node:stream'
export { fileURLToPath } from 'node:url'

/**
 * A stream over the read end of a pipe, which it closes. Unlike `fs.read` it occupies no thread while it waits: a
 * blocked thread keeps a process from ending.
 */
export async function pipeStream(descriptor: number): Promise<NodeReadable> {
  const { Socket } = await import('node:net')
  return new Socket({ fd: descriptor, readable: true, writable: false })
}
