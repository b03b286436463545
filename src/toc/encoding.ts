import { decodeByteString, isAscii } from '../bytes/byte-string.ts'
import { uhcDecoder } from './uhc.ts'

/** Decodes bytes of an archive for people; never fails. */
export type Decode = (bytes: Uint8Array) => string

/**
 * PostgreSQL's encodings by canonical name: other spellings (normalised: lower case, letters and digits only) and
 * the label under which TextDecoder knows them, if it does (encnames.c).
 */
const encodings: Readonly<Record<string, { readonly label?: string; readonly aliases?: readonly string[] }>> = {
  SQL_ASCII: {},
  EUC_JP: { label: 'euc-jp' },
  EUC_CN: { label: 'gb18030' },
  EUC_KR: { label: 'euc-kr' },
  EUC_TW: {},
  EUC_JIS_2004: { label: 'euc-jp' },
  UTF8: { label: 'utf-8', aliases: ['unicode'] },
  MULE_INTERNAL: {},
  LATIN1: { aliases: ['iso88591'] },
  LATIN2: { label: 'iso-8859-2', aliases: ['iso88592'] },
  LATIN3: { label: 'iso-8859-3', aliases: ['iso88593'] },
  LATIN4: { label: 'iso-8859-4', aliases: ['iso88594'] },
  LATIN5: { aliases: ['iso88599'] },
  LATIN6: { label: 'iso-8859-10', aliases: ['iso885910'] },
  LATIN7: { label: 'iso-8859-13', aliases: ['iso885913'] },
  LATIN8: { label: 'iso-8859-14', aliases: ['iso885914'] },
  LATIN9: { label: 'iso-8859-15', aliases: ['iso885915'] },
  LATIN10: { label: 'iso-8859-16', aliases: ['iso885916'] },
  WIN1256: { label: 'windows-1256', aliases: ['windows1256'] },
  WIN1258: { label: 'windows-1258', aliases: ['windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'] },
  WIN866: { label: 'ibm866', aliases: ['windows866', 'alt'] },
  WIN874: { label: 'windows-874', aliases: ['windows874'] },
  KOI8R: { label: 'koi8-r', aliases: ['koi8'] },
  WIN1251: { label: 'windows-1251', aliases: ['windows1251', 'win'] },
  WIN1252: { aliases: ['windows1252'] },
  ISO_8859_5: { label: 'iso-8859-5' },
  ISO_8859_6: { label: 'iso-8859-6' },
  ISO_8859_7: { label: 'iso-8859-7' },
  ISO_8859_8: { label: 'iso-8859-8' },
  WIN1250: { label: 'windows-1250', aliases: ['windows1250'] },
  WIN1253: { label: 'windows-1253', aliases: ['windows1253'] },
  WIN1254: { label: 'windows-1254', aliases: ['windows1254'] },
  WIN1255: { label: 'windows-1255', aliases: ['windows1255'] },
  WIN1257: { label: 'windows-1257', aliases: ['windows1257'] },
  KOI8U: { label: 'koi8-u' },
  SJIS: { label: 'shift_jis', aliases: ['mskanji', 'shiftjis', 'win932', 'windows932'] },
  BIG5: { label: 'big5', aliases: ['win950', 'windows950'] },
  GBK: { label: 'gbk', aliases: ['win936', 'windows936'] },
  UHC: { label: 'euc-kr', aliases: ['win949', 'windows949'] },
  GB18030: { label: 'gb18030' },
  JOHAB: {},
  SHIFT_JIS_2004: { label: 'shift_jis' },
}

const byNormalisedName: ReadonlyMap<string, string> = new Map(
  Object.entries(encodings).flatMap(([name, { aliases = [] }]) =>
    [normalise(name), ...aliases].map((alias) => [alias, name] as const),
  ),
)

/** The canonical name of an encoding (pg_char_to_encoding, pg_encoding_to_char); undefined when PostgreSQL has none. */
export function canonicalEncoding(name: string): string | undefined {
  return byNormalisedName.get(normalise(name))
}

function normalise(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

/**
 * How names of an archive are shown. SQL_ASCII says nothing about its bytes: what is valid UTF-8 is shown as that,
 * anything else (and encodings that TextDecoder does not know: EUC_TW, MULE_INTERNAL, JOHAB) byte by byte as LATIN1,
 * so that different names never look the same. The tables are TextDecoder's: of the characters that JIS X 0213 added,
 * in EUC_JIS_2004 and SHIFT_JIS_2004, many are shown wrong; in the others some symbols differ from PostgreSQL's.
 */
export function decoderFor(encoding: string): Decode {
  if (encoding === 'LATIN1') return decodeByteString
  if (encoding === 'LATIN5') return (bytes) => latin5(decodeByteString(bytes))
  if (encoding === 'WIN1252') return (bytes) => windows1252(decodeByteString(bytes))
  const label = encoding === 'SQL_ASCII' ? 'utf-8' : encodings[encoding]?.label
  const strict = label === undefined ? undefined : textDecoder(label, true)
  if (strict === undefined) return decodeByteString
  const lenient = encoding === 'SQL_ASCII' ? undefined : textDecoder(label ?? 'utf-8', false)
  const decode = decodeWith(encoding, strict)
  const fallBack = lenient && decodeWith(encoding, lenient)
  return (bytes) => {
    const text = decodeByteString(bytes)
    if (isAscii(text)) return text
    try {
      return decode(bytes)
    } catch {
      // invalid in its own encoding: replacement characters show where; SQL_ASCII has no encoding to be invalid in
      return fallBack === undefined ? text : fallBack(bytes)
    }
  }
}

function decodeWith(encoding: string, decoder: TextDecoder): Decode {
  return encoding === 'UHC' ? uhcDecoder(decoder) : (bytes) => decoder.decode(bytes)
}

function textDecoder(label: string, fatal: boolean): TextDecoder | undefined {
  try {
    return new TextDecoder(label, { fatal, ignoreBOM: true })
  } catch {
    // a JavaScript engine built without this encoding
    return undefined
  }
}

/** ISO 8859-9 differs from LATIN1 in six letters; TextDecoder's `iso-8859-9` is windows-1254. */
const latin5Letters: Readonly<Record<string, string>> = {
  '\u00D0': '\u011E',
  '\u00DD': '\u0130',
  '\u00DE': '\u015E',
  '\u00F0': '\u011F',
  '\u00FD': '\u0131',
  '\u00FE': '\u015F',
}

function latin5(text: string): string {
  return text.replaceAll(/[\u00D0\u00DD\u00DE\u00F0\u00FD\u00FE]/g, (letter) => latin5Letters[letter] ?? letter)
}

/** 80 to 9F; TextDecoder of some releases of Node.js takes all of windows-1252 for LATIN1. */
const windowsLetters = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

function windows1252(text: string): string {
  return text.replaceAll(/[\u0080-\u009f]/g, (letter) => windowsLetters.charAt(letter.charCodeAt(0) - 0x80))
}
