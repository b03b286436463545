import { existsSync, readdirSync, readlinkSync } from 'node:fs'

/** The files below `directory` that this process has open (Linux; elsewhere none are seen). */
export function openPaths(directory: string): string[] {
  const descriptors = '/proc/self/fd'
  if (!existsSync(descriptors)) return []
  return readdirSync(descriptors)
    .flatMap((name) => {
      try {
        return [readlinkSync(`${descriptors}/${name}`)]
      } catch {
        // The descriptor of the listing itself.
        return []
      }
    })
    .filter((path) => path.startsWith(directory))
}
