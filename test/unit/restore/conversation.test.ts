import { afterEach, expect, test, vi } from 'vitest'
import { Conversation } from '../../../src/restore/conversation.ts'

afterEach(() => vi.useRealTimers())

test('a session that is not cancelled within five seconds is left behind, whatever it has answered meanwhile', async () => {
  vi.useFakeTimers()
  const abort = new AbortController()
  const target = {
    query: async () => undefined,
    copyFrom: () => Promise.reject(new Error('no rows are expected')),
    // a server that takes no further connection
    cancel: () => new Promise<void>(() => undefined),
  }
  const conversation = new Conversation(target, abort.signal, () => ({ message: 'Cannot go on', hint: 'None' }))
  let answer: (value: string) => void = () => undefined
  const settled = vi.fn()
  const asked = conversation.ask(() => new Promise<string>((resolve) => void (answer = resolve)))
  void asked.then(settled)
  abort.abort()
  answer('done')
  await vi.advanceTimersByTimeAsync(4900)
  expect([settled.mock.calls, conversation.lost]).toEqual([[], false])
  await vi.advanceTimersByTimeAsync(200)
  expect([settled.mock.calls, conversation.lost]).toEqual([[['done']], true])
})
