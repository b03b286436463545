import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openPortableSha256 } from '../../../src/codec/sha256-portable.ts'
import { createSha256, toHex } from '../../../src/codec/sha256.ts'
import type { Hash } from '../../../src/codec/sha256.ts'

const makers: readonly [string, () => Hash][] = [
  ['createSha256()', createSha256],
  ['openPortableSha256()', openPortableSha256],
]

/** The examples of FIPS 180-4. */
const examples: readonly [string, string][] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
]

for (const [name, make] of makers) {
  test(`${name} gives the digests of the standard's examples`, () => {
    for (const [text, digest] of examples) {
      const hash = make()
      hash.update(Buffer.from(text))
      expect(toHex(hash.digest())).toBe(digest)
    }
  })

  test(`${name} takes what is only lent`, () => {
    const hash = make()
    const lent = Buffer.from('abc')
    hash.update(lent)
    lent.fill(0)
    expect(toHex(hash.digest())).toBe(examples[1]?.[1])
  })

  test(`${name} does not depend on how the input is cut`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
        const hash = make()
        for (const piece of pieces) hash.update(piece)
        expect(toHex(hash.digest())).toBe(createHash('sha256').update(Buffer.concat(pieces)).digest('hex'))
      }),
    )
  })
}
