import { decodeBlock } from './lz4-block.ts'
import type { BlockDecode } from './lz4-block.ts'
import { SLACK, TABLE_BYTES, openWasmDecoder, writeTables } from './lz4-wasm.ts'

/** How far back a match can reach. */
export const HISTORY = 65536
const PAGE = 65536
/** Output kept in one go before the history is moved to the front; with the history it stays in a level-2 cache. */
const MIN_OUTPUT = 262144
/** Idle arenas kept: each has a WebAssembly memory, which is dear to make for thousands of small large objects. */
const MAX_IDLE = 2
/** Larger ones (blocks of 1 MiB and 4 MiB) are not kept. */
const MAX_IDLE_BYTES = 1048576

/** One piece of memory that holds a stored block, the history and the output, and the decoder that works in it. */
export interface Lz4Arena {
  readonly memory: Uint8Array
  readonly decode: BlockDecode
  /** Where a stored block goes. */
  readonly inputAt: number
  /** Where history and output begin, and where they end. */
  readonly outputAt: number
  readonly outputEnd: number
}

interface Room {
  readonly bytes: Uint8Array
  readonly decode: BlockDecode
}

const idle: Room[] = []

function makeRoom(size: number): Room {
  let bytes: Uint8Array | undefined
  const wasm = openWasmDecoder(() => {
    const pages = Math.ceil(size / PAGE)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    bytes = new Uint8Array(memory.buffer)
    return memory
  })
  if (wasm !== undefined && bytes !== undefined) {
    writeTables(bytes)
    return { bytes, decode: wasm }
  }
  const plain = new Uint8Array(size)
  return { bytes: plain, decode: (...at) => decodeBlock(plain, ...at) }
}

/** Memory for frames with blocks of at most `blockSize` bytes. */
export function takeArena(blockSize: number): Lz4Arena {
  const inputAt = TABLE_BYTES
  const outputAt = inputAt + blockSize + SLACK
  const outputEnd = outputAt + HISTORY + Math.max(blockSize, MIN_OUTPUT)
  const size = outputEnd + SLACK
  const found = idle.findIndex((room) => room.bytes.length >= size)
  const room = idle.splice(found, found < 0 ? 0 : 1)[0] ?? makeRoom(size)
  return { memory: room.bytes, decode: room.decode, inputAt, outputAt, outputEnd }
}

/** Gives memory back; the arena must not be used any more. */
export function releaseArena(arena: Lz4Arena): void {
  if (idle.length < MAX_IDLE && arena.memory.length <= MAX_IDLE_BYTES) {
    idle.push({ bytes: arena.memory, decode: arena.decode })
  }
}
