import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** From the client to the server, or back. */
export type Direction = 'up' | 'down'

/** What ends a connection. Messages and bytes are counted from 1, over all connections. */
export interface Cut {
  readonly direction: Direction
  /** It is cut before this message goes through. */
  readonly message?: number
  /** It is cut before this byte goes through, wherever in a message that is. */
  readonly byte?: number
  /** That connection, or all that there are. */
  readonly which: 'one' | 'all'
}

export interface CuttingProxy {
  readonly port: number
  /** What came so far. */
  readonly messages: Readonly<Record<Direction, number>>
  readonly bytes: Readonly<Record<Direction, number>>
  readonly hasCut: boolean
  close(): Promise<void>
}

/** A proxy before a server which ends a connection in the middle of what is said. TLS is not for it. */
export async function cutting(
  { host, port }: { readonly host: string; readonly port: number },
  cut?: Cut,
): Promise<CuttingProxy> {
  const messages = { up: 0, down: 0 }
  const bytes = { up: 0, down: 0 }
  const sockets = new Set<Socket>()
  let hasCut = false
  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    const breakOff = (): void => {
      for (const socket of cut?.which === 'all' ? sockets : [from, to]) socket.destroy()
    }
    const framer = new Framer(direction === 'up')
    const cuts = cut?.direction === direction
    from.on('data', (chunk: Buffer) => {
      if (from.destroyed || to.destroyed) return
      for (const { begins, piece } of framer.push(chunk)) {
        if (begins) messages[direction]++
        const before = bytes[direction]
        bytes[direction] += piece.length
        let passed = cuts && begins && messages[direction] === cut.message ? 0 : piece.length
        if (cuts && cut.byte !== undefined && cut.byte > before) passed = Math.min(passed, cut.byte - before - 1)
        if (hasCut || passed === piece.length) {
          to.write(piece)
          continue
        }
        hasCut = true
        // what goes before it arrives
        to.write(piece.subarray(0, passed), breakOff)
        return
      }
    })
  }
  const listener = createServer((client) => {
    const server = connect(port, host)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('end', () => other.end())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    pass(client, server, 'up')
    pass(server, client, 'down')
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    // of a listening TCP server
    port: (listener.address() as AddressInfo).port,
    messages,
    bytes,
    get hasCut() {
      return hasCut
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

/** Finds where the messages of one direction begin. */
class Framer {
  /** The first of a client has no type. */
  #isTyped: boolean
  /** Bytes of a head so far. */
  #head: number[] = []
  /** Bytes of the message that are to come. */
  #left = 0

  constructor(isClient: boolean) {
    this.#isTyped = !isClient
  }

  /** The parts of a chunk, each of one message. */
  *push(chunk: Buffer): Generator<{ readonly begins: boolean; readonly piece: Buffer }, void, void> {
    for (let at = 0; at < chunk.length;) {
      const start = at
      const begins = this.#left === 0 && this.#head.length === 0
      const size = this.#isTyped ? 5 : 4
      while (this.#left === 0 && this.#head.length < size && at < chunk.length) this.#head.push(chunk[at++] ?? 0)
      if (this.#head.length === size) {
        this.#left = Buffer.from(this.#head).readUInt32BE(size - 4) - 4
        this.#head = []
        this.#isTyped = true
      }
      const end = Math.min(chunk.length, at + this.#left)
      this.#left -= end - at
      at = end
      yield { begins, piece: chunk.subarray(start, end) }
    }
  }
}
