import { openSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { ArchiveError } from '../index.ts'
import type { Terminal } from './terminal.ts'

/** Asks for a password on the terminal, unseen (simple_prompt, sprompt.c). */
export async function askPassword(terminal: Terminal): Promise<string> {
  const keyboard = openKeyboard()
  terminal.stderr.write('Password: ')
  keyboard.setRawMode(true)
  try {
    return await readLine(keyboard, terminal.signal)
  } finally {
    keyboard.setRawMode(false)
    keyboard.destroy()
    terminal.stderr.write('\n')
  }
}

function openKeyboard(): ReadStream {
  try {
    return new ReadStream(openSync('/dev/tty', 'r+'))
  } catch (cause) {
    throw new ArchiveError('USAGE', 'Cannot ask for a password: there is no terminal', {
      hint: 'Put it into ~/.pgpass or PGPASSWORD',
      details: { pgRestore: 'could not ask for a password: there is no terminal' },
      cause,
    })
  }
}

async function readLine(keyboard: ReadStream, signal: AbortSignal): Promise<string> {
  let line = ''
  for await (const chunk of keyboard) {
    signal.throwIfAborted()
    for (const key of String(chunk)) {
      if (key === '\r' || key === '\n') return line
      if (key === '\u0003') throw new ArchiveError('USAGE', 'Cannot connect: no password was given')
      line = key === '\u007f' || key === '\b' ? line.slice(0, -1) : line + key
    }
  }
  return line
}
