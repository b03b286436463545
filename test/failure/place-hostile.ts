import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { HostileArchive, HostileFile } from '../helpers/hostile-archives.ts'

/** A hostile archive where open-hostile finds it. */
export interface PlacedHostile {
  readonly name: string
  readonly path: string
  readonly directory: boolean
  readonly bomb: boolean
}

/** Writes an archive to `path`. Sockets are there as long as this process is. */
export async function placeHostile({ name, content, bomb }: HostileArchive, path: string): Promise<PlacedHostile> {
  const directory = !(content instanceof Uint8Array)
  if (directory) {
    mkdirSync(path)
    for (const [file, what] of content) await placeFile(join(path, file), what)
  } else {
    writeFileSync(path, content)
  }
  return { name, path, directory, bomb }
}

async function placeFile(path: string, file: HostileFile): Promise<void> {
  if (file instanceof Uint8Array) return writeFileSync(path, file)
  if ('link' in file) return symlinkSync(file.link, path)
  switch (file.special) {
    case 'directory':
      return void mkdirSync(path)
    case 'fifo':
      return void execFileSync('mkfifo', [path])
    case 'socket':
      return await new Promise((done) => void createServer().listen(path, done).unref())
    case 'device':
      return placeDevice(path)
    default:
      return file.special satisfies never
  }
}

/** Only root may make a device, and not everywhere; the nearest is a link to one. */
function placeDevice(path: string): void {
  if (process.getuid?.() === 0) {
    try {
      execFileSync('mknod', [path, 'c', '1', '5'], { stdio: 'ignore' })
      return
    } catch {
      // then as others do
    }
  }
  symlinkSync('/dev/zero', path)
}
