/**
 * Decodes UHC (windows-949): EUC-KR and, in the codes that this leaves free, the Hangul syllables it lacks, in the order
 * of Unicode. Engines whose `euc-kr` is no more than its name says, as Node.js's, take those for two other characters.
 *
 * @param eucKr decodes EUC-KR; its result for bytes that are no character stands for them here, too
 */
export function uhcDecoder(eucKr: TextDecoder): (bytes: Uint8Array) => string {
  let added: ReadonlyMap<number, string> | undefined
  return (bytes) => {
    added ??= addedSyllables(eucKr)
    let text = ''
    let plain = 0
    for (let at = 0; at < bytes.length;) {
      const code = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
      const syllable = code < 0x8000 ? undefined : added.get(code)
      const length = code < 0x8000 ? 1 : 2
      if (syllable !== undefined) {
        text += eucKr.decode(bytes.subarray(plain, at)) + syllable
        plain = at + length
      }
      at += length
    }
    return text + eucKr.decode(bytes.subarray(plain))
  }
}

const FIRST_SYLLABLE = 0xac00
const LAST_SYLLABLE = 0xd7a3

/** The syllables that EUC-KR lacks, by their code in UHC. */
function addedSyllables(eucKr: TextDecoder): Map<number, string> {
  const known = new Set<string>()
  const pair = new Uint8Array(2)
  for (let lead = 0xb0; lead <= 0xc8; lead++) {
    for (let trail = 0xa1; trail <= 0xfe; trail++) {
      pair.set([lead, trail])
      known.add(eucKr.decode(pair))
    }
  }
  const codes = freeCodes()
  const added = new Map<number, string>()
  for (let codePoint = FIRST_SYLLABLE; codePoint <= LAST_SYLLABLE; codePoint++) {
    const syllable = String.fromCharCode(codePoint)
    if (known.has(syllable)) continue
    const { value } = codes.next()
    if (value !== undefined) added.set(value, syllable)
  }
  return added
}

/** Codes of two bytes outside of EUC-KR, whose bytes are both above 0xA0, in order. */
function* freeCodes(): Generator<number, void, void> {
  for (let lead = 0x81; lead <= 0xc6; lead++) {
    const last = lead <= 0xa0 ? 0xfe : 0xa0
    for (let trail = 0x41; trail <= last; trail++) {
      const isLetter = (trail >= 0x41 && trail <= 0x5a) || (trail >= 0x61 && trail <= 0x7a)
      if (isLetter || trail >= 0x81) yield (lead << 8) | trail
    }
  }
}
