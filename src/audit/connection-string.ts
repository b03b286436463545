import { isSecret, parseConnectionString, type ConnectionParameters } from '../libpq/connection-string.ts'

/** What a connection string of libpq says, without what is secret in it. */
export interface Connection {
  /** `host=h user=u`, the password as `****`. */
  readonly shown: string
  readonly hasSecret: boolean
}

/** Parameters whose values may be shown. */
const harmless = ['host', 'hostaddr', 'port', 'user', 'dbname'] as const

/** A value that is a connection string itself, with whatever it holds. */
const nested = /:\/\/|=/

/** Of what libpq does not take, and the server neither, nothing is shown. */
const maySaySecret = /password|secret|scram|:\/\/|%/i

export function connectionOf(text: string): Connection {
  const parameters = readBy(text)
  if (parameters === undefined) return { shown: '', hasSecret: maySaySecret.test(text) }
  const shown: string[] = []
  // where a file of passwords lies is none of them
  let hasSecret = [...parameters].some(([name, value]) => value !== '' && isSecret(name))
  for (const name of harmless) {
    const value = parameters.get(name)
    if (!value) continue
    if (nested.test(value)) hasSecret = true
    else shown.push(`${name}=${/\s/.test(value) ? `'${value}'` : value}`)
  }
  return { shown: [...shown, ...(hasSecret ? ['password=****'] : [])].join(' '), hasSecret }
}

function readBy(text: string): ConnectionParameters | undefined {
  try {
    return parseConnectionString(text)
  } catch {
    return undefined
  }
}
