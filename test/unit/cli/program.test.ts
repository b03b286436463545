import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Program, ProgramFailed } from '../../../src/cli/program.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'

/** All that a program uses of a terminal. */
function terminalOf(signal = new AbortController().signal): { terminal: Terminal; said: () => string } {
  let text = ''
  const stderr = new Writable({
    write(chunk, _, done) {
      text += String(chunk)
      done()
    },
  })
  return { terminal: { env: process.env, signal, stderr } as unknown as Terminal, said: () => text }
}

const start = (terminal: Terminal, script: string, env = {}) =>
  new Program(terminal, { file: 'sh', args: ['-c', script], env, advice: (said) => (said === '' ? undefined : 'help') })

async function read(program: Program): Promise<string> {
  let text = ''
  for await (const chunk of program) text += Buffer.from(chunk).toString()
  return text
}

test('Program keeps what was written by a program that has ended before anybody reads', async () => {
  const program = start(terminalOf().terminal, 'echo "$TEXT"', { TEXT: 'hello' })
  await sleep(300)
  expect(await read(program)).toBe('hello\n')
})

test('Program ends its output by throwing when the program fails, and shows what it said', async () => {
  const { terminal, said } = terminalOf()
  const failed = start(terminal, 'echo all; echo why >&2; exit 3')
  await expect(read(failed)).rejects.toMatchObject({ message: 'sh ended with status 3', hint: 'help' })
  expect(said()).toBe('why\n')
  await expect(start(terminal, 'kill -9 $$').finish()).rejects.toThrow(new ProgramFailed('sh was killed by SIGKILL'))
  const missing = new Program(terminal, { file: '/nowhere/sh', args: [], env: {} })
  await expect(missing.finish()).rejects.toThrow('Cannot run "/nowhere/sh"')
})

test('Program is ended by the signal, by stop(), and by force when it will not hear', { timeout: 20_000 }, async () => {
  const abort = new AbortController()
  const { terminal } = terminalOf(abort.signal)
  const waiting = start(terminal, 'exec sleep 60')
  abort.abort()
  await expect(waiting.finish()).rejects.toThrow('sh was killed by SIGTERM')
  const writing = start(terminalOf().terminal, 'exec yes')
  await writing.stop()
  const started = performance.now()
  const deaf = start(terminalOf().terminal, "trap '' TERM; while :; do sleep 0.1; done")
  await sleep(300)
  await deaf.stop()
  expect(performance.now() - started).toBeGreaterThan(5000)
})
