import { openSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { ArchiveError } from '../index.ts'
import type { Terminal } from './terminal.ts'

/** Asks for a password on the terminal, unseen (simple_prompt, sprompt.c). */
export async function askPassword(terminal: Terminal, prompt = 'Password: '): Promise<string> {
  terminal.signal.throwIfAborted()
  const keyboard = openKeyboard()
  terminal.stderr.write(prompt)
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

/** What the keys of a terminal in raw mode send. */
const keys = { interrupt: '\u0003', end: '\u0004', erase: ['\u007f', '\b'], kill: '\u0015', enter: ['\r', '\n'] }

/** Leaves the keyboard open: one that is closed keeps its mode, and with it the terminal. */
async function readLine(keyboard: ReadStream, signal: AbortSignal): Promise<string> {
  const line: string[] = []
  let stop = (): void => undefined
  try {
    return await new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal.reason)
      const finish = (): void => resolve(line.join(''))
      const read = (text: string): void => {
        for (const key of text) {
          if (key === keys.end || keys.enter.includes(key)) return finish()
          // the terminal would have sent the signal, which ends the run by way of `signal`
          if (key === keys.interrupt) process.kill(process.pid, 'SIGINT')
          else if (key === keys.kill) line.length = 0
          else if (keys.erase.includes(key)) line.pop()
          else line.push(key)
        }
      }
      stop = () => {
        signal.removeEventListener('abort', aborted)
        keyboard.off('data', read).off('end', finish).off('error', reject)
      }
      signal.addEventListener('abort', aborted)
      keyboard.setEncoding('utf8').on('data', read).on('end', finish).on('error', reject)
    })
  } finally {
    stop()
  }
}
