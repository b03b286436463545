import { EventEmitter } from 'node:events'
import type { Connection } from 'pg'
import { describe, expect, test } from 'vitest'
import { serverErrorOf } from '../../../src/restore/pg-copy.ts'
import { keepServerTexts } from '../../../src/restore/server-texts.ts'

/* keepServerTexts() with a connection that says what node-postgres would make of the bytes. */

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const text = (type: string, message_: string): Buffer =>
  message(type, Buffer.from(`SFEHLER\0VERROR\0C42704\0M${message_}\0\0`, 'latin1'))

describe('keepServerTexts()', () => {
  test.each([1, 3, 7, 1000])(
    'finds errors and notices in pieces of %d bytes, in the encoding of their time',
    (size) => {
      const stream = new EventEmitter()
      const connection = Object.assign(new EventEmitter(), { stream })
      // all that it uses of one
      keepServerTexts(connection as unknown as Connection)
      const send = (...messages: Buffer[]): void => {
        const bytes = Buffer.concat(messages)
        for (let at = 0; at < bytes.length; at += size) stream.emit('data', bytes.subarray(at, at + size))
      }
      const heard = (name: string): string => {
        const said = { message: 'as UTF-8', severity: 'FEHLER', code: '42704' }
        connection.emit(name, said)
        const { severity, sqlState, message: shown } = serverErrorOf(said)
        return [severity, sqlState, shown].join(' ')
      }
      const encoding = (parameterValue: string) =>
        connection.emit('parameterStatus', { parameterName: 'client_encoding', parameterValue })
      send(text('E', 'j\u00FCrgen'))
      expect(heard('errorMessage')).toBe('FEHLER 42704 as UTF-8')
      encoding('LATIN1')
      // rows and an empty message between them
      send(
        text('N', 'gr\u00FC\u00DFe'),
        message('D', Buffer.alloc(300, 'E')),
        message('n', Buffer.alloc(0)),
        text('E', '\u00E4'),
      )
      expect(heard('notice')).toBe('FEHLER 42704 gr\u00FC\u00DFe')
      expect(heard('errorMessage')).toBe('FEHLER 42704 \u00E4')
      encoding('UTF8')
      send(text('E', 'x'))
      expect(heard('errorMessage')).toBe('FEHLER 42704 as UTF-8')
    },
  )
})
