import { openSink, type ByteStream, type Sink } from '../index.ts'
import type { Terminal } from './terminal.ts'

/** Pieces of text are gathered up to this many UTF-16 units before they are written. */
const GATHER_UNITS = 64 * 1024

/**
 * Writes text to standard output, or to a file, which then appears by rename.
 * @param file undefined or `-` for standard output
 */
export async function writeText(
  terminal: Terminal,
  file: string | undefined,
  text: string | Iterable<string | Uint8Array>,
): Promise<void> {
  const sink = await openSink(target(terminal, file), { signal: terminal.signal })
  try {
    if (typeof text === 'string') await sink.write(utf8.encode(text))
    else await writePieces(sink, text)
    await sink.commit()
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

/** The same for a stream of bytes. */
export async function writeStream(terminal: Terminal, file: string | undefined, stream: ByteStream): Promise<void> {
  await stream.pipeTo(target(terminal, file), { signal: terminal.signal })
}

const utf8 = new TextEncoder()

async function writePieces(sink: Sink, pieces: Iterable<string | Uint8Array>): Promise<void> {
  let gathered = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') gathered += piece
    else await sink.write(piece)
    if (gathered.length < GATHER_UNITS) continue
    await sink.write(utf8.encode(gathered))
    gathered = ''
  }
  if (gathered !== '') await sink.write(utf8.encode(gathered))
}

function target(terminal: Terminal, file: string | undefined): string | NodeJS.WriteStream {
  return file === undefined || file === '-' ? terminal.stdout : file
}
