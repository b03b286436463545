import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { connectClient } from '../../../src/restore/pg-client.ts'

/** ReadyForQuery, idle. */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

test.each([
  ['scram-sha-256', true],
  // a server that asks for nothing must say that it takes the user
  ['scram-sha-256,none', false],
])('a server that is ready without a word about who connects is refused: require_auth=%s', async (text, mustAsk) => {
  const listener = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(ready))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  try {
    // of a listening TCP server
    const { port } = listener.address() as AddressInfo
    const config = { host: '127.0.0.1', port, user: 'u', database: 'd', password: 'p', ssl: false }
    const allowed = new Set(['scram-sha-256'] as const)
    await expect(connectClient(config, { requiredAuthentication: { text, allowed, mustAsk } })).rejects.toThrow(
      `authentication method requirement "${text}" failed: server did not complete authentication`,
    )
  } finally {
    await new Promise((resolve) => listener.close(resolve))
  }
})
