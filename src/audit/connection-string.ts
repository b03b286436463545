/** What a connection string of libpq says, without what is secret in it. */
export interface Connection {
  /** `host=h user=u`, the password as `****`. */
  readonly shown: string
  readonly hasSecret: boolean
}

/** Key words whose values may be shown. */
const harmless: ReadonlySet<string> = new Set(['host', 'hostaddr', 'port', 'dbname', 'user'])

/** Key words whose values are secret, or say where the secret is. */
const secret = /password|passfile|secret|^scram_\w+_key$/i

/** A value that is a connection string itself, with whatever it holds. */
const nested = /:\/\/|=/

/**
 * Reads a connection string as libpq does: key words and values, or a URI (conninfo_parse and conninfo_uri_parse_options,
 * fe-connect.c).
 */
export function connectionOf(text: string): Connection {
  const pairs = /^postgres(?:ql)?:\/\//i.test(text) ? pairsOfUri(text) : pairsOfText(text)
  if (pairs === undefined) return { shown: '', hasSecret: secret.test(text) || nested.test(text) }
  const shown: string[] = []
  let hasSecret = false
  for (const [key, value] of pairs) {
    if (value === '') continue
    if (secret.test(key) || (harmless.has(key) && nested.test(value))) hasSecret = true
    else if (harmless.has(key)) shown.push(`${key}=${/\s/.test(value) ? `'${value}'` : value}`)
  }
  return { shown: [...shown, ...(hasSecret ? ['password=****'] : [])].join(' '), hasSecret }
}

type Pairs = readonly (readonly [key: string, value: string])[]

const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\[^])*)'|((?:[^\s\\]|\\[^])*))(?=\s|$)/y

/** `host=h password='it\'s'`; undefined for what libpq would not take. */
function pairsOfText(text: string): Pairs | undefined {
  const found: [string, string][] = []
  pair.lastIndex = 0
  for (let at = 0; /\S/.test(text.slice(at));) {
    const match = pair.exec(text)
    if (match === null) return undefined
    const [, key = '', quoted, plain = ''] = match
    found.push([key, (quoted ?? plain).replaceAll(/\\([^])/g, '$1')])
    at = pair.lastIndex
  }
  return found
}

const uri = /^[a-z]+:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?([^]*))?$/i

function pairsOfUri(text: string): Pairs | undefined {
  const match = uri.exec(text)
  if (match === null) return undefined
  const [, user = '', password = '', host = '', dbname = '', options = ''] = match
  const more = options.split('&').map((one): [string, string] => {
    const at = one.indexOf('=')
    return at === -1 ? [one, ''] : [one.slice(0, at), one.slice(at + 1)]
  })
  return [['host', host], ['user', user], ['password', password], ['dbname', dbname], ...more]
}
