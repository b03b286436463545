import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isParameter, trimSpace, type ConnectionParameters } from '../libpq/connection-string.ts'
import { wrong } from '../libpq/error.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Gives parameters without a value those of the service that is named (parseServiceInfo, fe-connect.c).
 * @throws ArchiveError USAGE in libpq's words when there is no such service
 */
export async function addService(into: ConnectionParameters, env: Environment): Promise<void> {
  const service = into.get('service') ?? env['PGSERVICE']
  if (service === undefined) return
  const own = env['PGSERVICEFILE']
  const files = [
    own ?? join(env['HOME'] ?? homedir(), '.pg_service.conf'),
    join(env['PGSYSCONFDIR'] ?? '/etc/postgresql-common', 'pg_service.conf'),
  ]
  for (const file of files) {
    const text = await readIfThere(file).catch((error: unknown) => {
      // a folder can be opened, and has no lines
      return error instanceof Error && 'code' in error && error.code === 'EISDIR' ? '' : undefined
    })
    if (text === undefined) {
      if (file === own) throw wrong(`service file "${file}" not found`)
      continue
    }
    const settings = serviceOf(text, service, file)
    if (settings === undefined) continue
    for (const [name, value] of settings) if (!into.has(name)) into.set(name, value)
    return
  }
  throw wrong(`definition of service "${service}" not found`)
}

function serviceOf(text: string, service: string, file: string): ConnectionParameters | undefined {
  let found: ConnectionParameters | undefined
  for (const [index, whole] of text.split('\n').entries()) {
    // libpq's buffer, line feed included
    if (Buffer.byteLength(whole) >= 1022) throw wrong(`line ${index + 1} too long in service file "${file}"`)
    const line = trimSpace(whole)
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      if (found !== undefined) return found
      if (line.startsWith(`[${service}]`)) found = new Map()
      continue
    }
    if (found === undefined) continue
    const at = line.indexOf('=')
    const name = line.slice(0, at === -1 ? undefined : at)
    if (at === -1 || !isParameter(name)) {
      throw wrong(`syntax error in service file "${file}", line ${index + 1}`)
    }
    if (name === 'service') {
      throw wrong(`nested service specifications not supported in service file "${file}", line ${index + 1}`)
    }
    // the first of several counts
    if (!found.has(name)) found.set(name, line.slice(at + 1))
  }
  return found
}

/** What a line of a password file is compared with. */
export interface PasswordPlace {
  readonly host: string
  readonly port: string
  readonly dbname: string
  readonly user: string
}

/**
 * The password of the first line that fits (passwordFromFile, fe-connect.c).
 * @param warn told when others may read the file, which is then not used
 */
export async function passwordFromFile(
  file: string,
  place: PasswordPlace,
  warn: (text: string) => void,
): Promise<string | undefined> {
  const status = await stat(file).catch(() => undefined)
  if (status === undefined) return undefined
  if (!status.isFile()) {
    warn(`WARNING: password file "${file}" is not a plain file`)
    return undefined
  }
  if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
    warn(`WARNING: password file "${file}" has group or world access; permissions should be u=rw (0600) or less`)
    return undefined
  }
  const text = (await readIfThere(file)) ?? ''
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const fields = fieldsOf(line.replace(/\r+$/, ''))
    const wanted = [place.host, place.port, place.dbname, place.user]
    if (fields.length < 5 || wanted.some((value, at) => fields[at] !== '*' && unescaped(fields[at]) !== value)) continue
    // up to a colon, if it has one
    return unescaped(fields[4])
  }
  return undefined
}

/** Fields between colons that are not escaped; escapes stay. */
function fieldsOf(line: string): readonly string[] {
  const fields: string[] = ['']
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (char === ':') fields.push('')
    else fields[fields.length - 1] += char === '\\' ? char + line.charAt(++at) : char
  }
  return fields
}

function unescaped(field = ''): string {
  return field.replaceAll(/\\([^])/g, '$1')
}

/** The text of a file, undefined when it is not there. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}
