#!/usr/bin/env node
// @ts-check
// Writes a custom archive of any size to standard output, made on the fly: `huge-archive.mjs GIGABYTES none|gzip|row`.
// `none` is one table of that size, one chunk a row; `gzip` is a table for every 100 MB or so of the size; `row` is one
// table with a single row, in a single chunk, as pg_dump writes it.
import { once } from 'node:events'
import { deflateSync } from 'node:zlib'
import { Builder } from '../dist/bytes/builder.js'
import { encodeByteString } from '../dist/bytes/byte-string.js'

const [gigabytes = '10', method = 'none'] = process.argv.slice(2)
const size = Number(gigabytes) * 1e9
const layout = { intSize: 4, offSize: 8, signByte: true }

/** COPY rows of about 120 bytes that compress about as well as real ones; the same on every run. */
function rows(/** @type {number} */ bytes) {
  let state = 20_240_229
  let text = ''
  for (let id = 1; text.length < bytes; id++) {
    let words = ''
    for (let count = 0; count < 12; count++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      words += ` w${(state >>> 16) % 6000}`
    }
    text += `${id}\t${state}\t${words.slice(1)}\t\\N\n`
  }
  return text
}

/** @param {Uint8Array} bytes */
async function write(bytes) {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
}

/** @param {number} count number of tables */
function head(count) {
  const out = new Builder(layout)
  const text = (/** @type {string | null} */ value) => out.writeStr(value === null ? null : encodeByteString(value))
  out.writeBytes(encodeByteString('PGDMP'))
  for (const byte of [1, 14, 0, layout.intSize, layout.offSize, 1]) out.writeByte(byte)
  out.writeInt(method === 'gzip' ? -1 : 0)
  for (const field of [0, 0, 12, 29, 1, 124, 0]) out.writeInt(field)
  for (const value of ['huge', '15.18', '15.18']) text(value)
  out.writeInt(count)
  for (let dumpId = 1; dumpId <= count; dumpId++) {
    out.writeInt(dumpId)
    out.writeInt(1)
    for (const value of ['0', '0', `t${dumpId}`, 'TABLE DATA']) text(value)
    out.writeInt(3)
    for (const value of ['', '', `COPY public.t${dumpId} (id, n, words, nothing) FROM stdin;\n`]) text(value)
    for (const value of ['public', null, null, 'postgres', 'false', null]) text(value)
    out.writeOffset('not-set', 0)
  }
  return out.bytes()
}

/**
 * Chunks of at most `most` bytes of `data`, or one for each line.
 * @param {Uint8Array} data
 * @param {number | 'lines'} most
 */
function chunks(data, most) {
  const out = new Builder(layout)
  for (let at = 0; at < data.length;) {
    const end = most === 'lines' ? data.indexOf(10, at) + 1 : Math.min(at + most, data.length)
    out.writeStr(data.subarray(at, end))
    at = end
  }
  return out.bytes()
}

/** @param {number} dumpId */
function blockHead(dumpId) {
  const out = new Builder(layout)
  out.writeByte(1)
  out.writeInt(dumpId)
  return out.bytes()
}

const endOfChunks = new Uint8Array(5)
if (method === 'row') {
  const [before, after] = [encodeByteString('1\t2\t'), encodeByteString('\t\\N\n')]
  const out = new Builder(layout)
  out.writeInt(size)
  await write(head(1))
  await write(blockHead(1))
  await write(out.bytes())
  await write(before)
  const piece = new Uint8Array(1 << 20).fill(0x78)
  const end = size - after.length
  for (let at = before.length; at < end; at += piece.length) await write(piece.subarray(0, end - at))
  await write(after)
  await write(chunks(encodeByteString('\\.\n\n\n'), 4096))
  await write(endOfChunks)
} else if (method === 'none') {
  const piece = chunks(encodeByteString(rows(4e6)), 'lines')
  await write(head(1))
  await write(blockHead(1))
  for (let written = 0; written < size; written += piece.length) await write(piece)
  await write(chunks(encodeByteString('\\.\n\n\n'), 4096))
  await write(endOfChunks)
} else {
  const piece = chunks(deflateSync(encodeByteString(`${rows(300e6)}\\.\n\n\n`), { level: 1 }), 4096)
  const count = Math.ceil(size / piece.length)
  await write(head(count))
  for (let dumpId = 1; dumpId <= count; dumpId++) {
    await write(blockHead(dumpId))
    await write(piece)
    await write(endOfChunks)
  }
}
