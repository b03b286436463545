import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSink, type ArchiveOutput, type SinkOptions } from '../../../src/io/sink.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-sink-'))
})
afterEach(() => {
  expect(openPaths(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

const hello = new TextEncoder().encode('hello')

async function writeOnce(output: ArchiveOutput, options?: SinkOptions): Promise<void> {
  const sink = await openSink(output, options)
  try {
    await sink.write(hello)
    expect(sink.position).toBe(5)
    await sink.commit()
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

describe('openSink() of a path', () => {
  it('makes a file appear on commit, with the mode of the umask', async () => {
    const path = join(directory, 'new')
    const sink = await openSink(pathToFileURL(path))
    await sink.write(hello)
    expect(existsSync(path)).toBe(false)
    await sink.commit()
    expect(readFileSync(path, 'utf8')).toBe('hello')
    expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask())
    expect(readdirSync(directory)).toEqual(['new'])
  })

  it('leaves nothing on abort, and the old file as it was', async () => {
    const path = join(directory, 'old')
    writeFileSync(path, 'before')
    const sink = await openSink(path)
    await sink.write(hello)
    await sink.abort()
    await sink.abort()
    expect(readFileSync(path, 'utf8')).toBe('before')
    expect(readdirSync(directory)).toEqual(['old'])
  })

  it('keeps the mode of an existing file, whatever the umask', async () => {
    const path = join(directory, 'old')
    writeFileSync(path, 'before')
    for (const mode of [0o600, 0o666, 0o4751]) {
      chmodSync(path, mode)
      await writeOnce(path)
      expect(statSync(path).mode & 0o7777).toBe(mode)
    }
  })

  it('resolves symbolic links, also those that lead nowhere yet', async () => {
    mkdirSync(join(directory, 'target'))
    writeFileSync(join(directory, 'target/old'), 'before')
    symlinkSync('target/old', join(directory, 'to-old'))
    symlinkSync('chain', join(directory, 'to-new'))
    symlinkSync('target/sub/../new', join(directory, 'chain'))
    mkdirSync(join(directory, 'elsewhere/deep'), { recursive: true })
    symlinkSync('../elsewhere/deep', join(directory, 'target/sub'))
    await writeOnce(join(directory, 'to-old'))
    await writeOnce(join(directory, 'to-new'))
    expect(lstatSync(join(directory, 'to-old')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(directory, 'target/old'), 'utf8')).toBe('hello')
    // `target/sub/..` is the directory that holds what `sub` points to.
    expect(readdirSync(join(directory, 'elsewhere')).sort()).toEqual(['deep', 'new'])
    expect(readdirSync(join(directory, 'target')).sort()).toEqual(['old', 'sub'])
  })

  it('overwrite: refuse fails with USAGE before and after the fact, and never replaces', async () => {
    const path = join(directory, 'file')
    const refused = { code: 'USAGE', file: path }
    await writeOnce(path, { overwrite: 'refuse' })
    await expect(openSink(path, { overwrite: 'refuse' })).rejects.toMatchObject(refused)
    rmSync(path)
    const sink = await openSink(path, { overwrite: 'refuse' })
    writeFileSync(path, 'someone else was faster')
    await expect(sink.commit()).rejects.toMatchObject(refused)
    await sink.abort()
    expect(readdirSync(directory)).toEqual(['file'])
    expect(readFileSync(path, 'utf8')).toBe('someone else was faster')
    await writeOnce('/dev/null', { overwrite: 'refuse' })
  })

  it('writeAt() patches what has been written, and nothing beyond', async () => {
    const path = join(directory, 'patched')
    const sink = await openSink(path, { sync: false })
    await sink.write(hello)
    await sink.writeAt?.(Uint8Array.of(0x4a), 0)
    await expect(sink.writeAt?.(hello, 1)).rejects.toMatchObject({ code: 'USAGE' })
    await sink.write(hello)
    await sink.commit()
    expect(readFileSync(path, 'utf8')).toBe('Jellohello')
  })

  it('writes special files directly', async () => {
    await writeOnce('/dev/null')
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
    expect((await openSink('/dev/null')).writeAt).toBeUndefined()
  })

  it.runIf(existsSync('/dev/full'))('passes ENOSPC through', async () => {
    await expect(writeOnce('/dev/full')).rejects.toMatchObject({ code: 'ENOSPC', syscall: 'write' })
  })

  it('passes file-system errors through and leaves nothing', async () => {
    await expect(openSink(join(directory, 'none/file'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openSink(directory)).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(openSink('')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openSink(`${directory}/none/`)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) })
    const path = join(directory, 'turned')
    const sink = await openSink(path)
    await sink.write(hello)
    mkdirSync(join(path, 'in the way'), { recursive: true })
    await expect(sink.commit()).rejects.toMatchObject({ syscall: 'rename' })
    await sink.abort()
    expect(readdirSync(directory)).toEqual(['turned'])
  })

  it('writes a FIFO once it has a reader', async () => {
    const path = join(directory, 'fifo')
    execFileSync('mkfifo', [path])
    const writing = writeOnce(path)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await readFile(path, 'utf8')).toBe('hello')
    await writing
    expect(lstatSync(path).isFIFO()).toBe(true)
  })

  it('stops waiting for the reader of a FIFO on abort', async () => {
    const path = join(directory, 'fifo')
    execFileSync('mkfifo', [path])
    const controller = new AbortController()
    const opening = openSink(path, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 30)
    await expect(opening).rejects.toThrow('enough')
  })

  it('writes all of it on flush(), after which commit() gives the name in spite of the signal', async () => {
    const controller = new AbortController()
    const path = join(directory, 'flushed')
    const sink = await openSink(path, { signal: controller.signal, overwrite: 'refuse' })
    await sink.write(hello)
    await sink.flush?.()
    const [temporary = ''] = readdirSync(directory)
    expect(readFileSync(join(directory, temporary), 'utf8')).toBe('hello')
    await sink.write(hello)
    await sink.flush?.()
    controller.abort(new Error('enough'))
    await sink.commit()
    expect([readdirSync(directory), readFileSync(path, 'utf8')]).toEqual([['flushed'], 'hellohello'])
  })

  it('rejects with the reason of the signal in every call', async () => {
    const controller = new AbortController()
    const path = join(directory, 'aborted')
    const sinks = await Promise.all(
      [path, new PassThrough(), new WritableStream()].map((output) => openSink(output, { signal: controller.signal })),
    )
    controller.abort(new Error('enough'))
    for (const sink of sinks) {
      await expect(sink.write(hello)).rejects.toThrow('enough')
      await expect(sink.commit()).rejects.toThrow('enough')
      await sink.abort(controller.signal.reason)
    }
    await expect(openSink(path, { signal: controller.signal })).rejects.toThrow('enough')
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('openSink() of a stream', () => {
  it('waits for a slow Writable, copies, and ends it', async () => {
    const kept: Uint8Array[] = []
    let busy = 0
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Uint8Array, _encoding, done) {
        expect(++busy).toBe(1)
        kept.push(chunk)
        setTimeout(() => {
          busy--
          done()
        }, 2)
      },
    })
    const sink = await openSink(slow)
    const buffer = new Uint8Array(1)
    for (let value = 0; value < 10; value++) {
      buffer[0] = value
      await sink.write(buffer)
      expect(slow.writableLength).toBe(0)
    }
    await sink.commit()
    expect(slow.writableFinished).toBe(true)
    expect(kept.map((chunk) => chunk[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('passes the failure of a stream on, of any write', async () => {
    const failure = new Error('no more')
    for (let failAt = 0; failAt < 4; failAt++) {
      let writes = 0
      const broken = new Writable({
        highWaterMark: 1,
        write: (_chunk, _encoding, done) => done(writes++ === failAt ? failure : null),
      })
      broken.on('error', () => undefined)
      const web = new WritableStream<Uint8Array>({
        write: () => {
          if (writes++ === failAt) throw failure
        },
      })
      for (const output of [broken, web]) {
        writes = 0
        const sink = await openSink(output)
        const writeAll = async (): Promise<void> => {
          for (let turn = 0; turn < 4; turn++) await sink.write(hello)
          await sink.commit()
        }
        await expect(writeAll()).rejects.toBe(failure)
        await sink.abort(failure)
      }
    }
  })

  it('fails when a stream is destroyed by someone else', async () => {
    const stream = createWriteStream(join(directory, 'file'))
    const sink = await openSink(stream)
    await sink.write(hello)
    stream.destroy()
    await expect(sink.commit()).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    await sink.abort()
  })

  it('abort() destroys a Writable with the reason and aborts a WritableStream', async () => {
    const stream = new PassThrough()
    await (await openSink(stream)).abort('given up')
    expect(stream.errored).toMatchObject({ message: 'given up' })
    let reason: unknown
    const web = new WritableStream({ abort: (cause: unknown) => void (reason = cause) })
    await (await openSink(web)).abort('given up')
    expect(reason).toBe('given up')
  })

  it('refuses what is no output with USAGE', async () => {
    const output: unknown = {}
    await expect(openSink(output as ArchiveOutput)).rejects.toMatchObject({ code: 'USAGE' }) // from untyped code
  })
})

describe('openSink() of standard output', () => {
  /** A program that writes `count` times 100,000 bytes to `output`. */
  function program(output: string, count: number): string {
    const script = join(directory, `${count}.mjs`)
    const sink = fileURLToPath(new URL('../../../src/io/sink.ts', import.meta.url))
    buildSync({
      stdin: {
        contents: `
          import { openSink } from ${JSON.stringify(sink)}
          const chunk = new Uint8Array(100_000)
          try {
            process.stdout.write('first\\n')
            const sink = await openSink(${output})
            for (let turn = 0; turn < ${count}; turn++) await sink.write(chunk.fill(97 + turn % 26))
            await sink.commit()
            process.stdout.write('last\\n')
          } catch (error) {
            console.error(error.code)
          }`,
        resolveDir: directory,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['source'],
      outfile: script,
    })
    return script
  }

  function shell(command: string): string {
    return execFileSync('sh', ['-c', command, process.execPath], { encoding: 'utf8', maxBuffer: 1e9, cwd: directory })
  }

  it.each(['process.stdout', "'/dev/stdout'"])('%s to a pipe: everything in order, and it stays open', (output) => {
    const text = shell(`"$0" ${program(output, 50)} | cat`)
    const letters = Array.from({ length: 50 }, (_, turn) => String.fromCharCode(97 + (turn % 26)).repeat(100_000))
    expect(text === `first\n${letters.join('')}last\n`).toBe(true)
  })

  it.each(['process.stdout', "'/dev/stdout'"])('%s appended to a file keeps what is there', (output) => {
    const file = join(directory, 'out')
    appendFileSync(file, 'there\n')
    shell(`"$0" ${program(output, 1)} >> out`)
    expect(readFileSync(file, 'utf8')).toBe(`there\nfirst\n${'a'.repeat(100_000)}last\n`)
  })

  it.each(['process.stdout', "'/dev/stdout'"])('%s gives EPIPE when the reader has gone', (output) => {
    expect(shell(`("$0" ${program(output, 100)} 2>err) | head -c 6; cat err`)).toBe('first\nEPIPE\n')
  })

  it('is written through the stream when its write has been replaced', async () => {
    const original = process.stdout.write
    const seen: unknown[] = []
    Object.defineProperty(process.stdout, 'write', {
      configurable: true,
      writable: true,
      value: (chunk: unknown, done?: (error?: Error) => void) => {
        seen.push(chunk)
        done?.()
        return true
      },
    })
    try {
      await writeOnce(Object.assign(process.stdout, { fd: 1 }))
    } finally {
      process.stdout.write = original
    }
    expect(seen).toEqual([hello, ''])
    expect(process.stdout.writableEnded).toBe(false)
  })
})
