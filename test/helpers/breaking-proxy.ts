import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A connection that breaks. */
export interface BreakingProxy {
  readonly port: number
  /** Messages that went to the server. */
  readonly messages: number
  /** Whether it has broken its connections. */
  readonly broke: boolean
  close(): Promise<void>
}

/**
 * A proxy before a server that hands on so many pieces of what clients say, the last one included, waits until the
 * server has answered it, and then ends all connections without a word of that answer.
 *
 * @param options serverNotices false: the server still has the connections until the proxy is closed, as after a network cut
 */
export async function breaking(
  { host, port }: { readonly host: string; readonly port: number },
  pieces: number,
  { serverNotices = true }: { readonly serverNotices?: boolean } = {},
): Promise<BreakingProxy> {
  let messages = 0
  let broke = false
  const sockets = new Set<Socket>()
  const clients = new WeakSet<Socket>()
  const breakAll = (): void => {
    broke = true
    for (const socket of sockets) if (serverNotices || clients.has(socket)) socket.destroy()
  }
  const listener = createServer((client) => {
    const upstream = connect(port, host)
    clients.add(client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        if (serverNotices || !broke) upstream.destroy()
      })
    }
    let isLast = false
    client.on('data', (bytes) => {
      if (broke) return
      isLast = ++messages === pieces
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (isLast) breakAll()
      else client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    // of a listening TCP server
    port: (listener.address() as AddressInfo).port,
    get messages() {
      return messages
    },
    get broke() {
      return broke
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
