import type { ConnectionParameters } from '../libpq/connection-string.ts'

/** What libpq takes a whole number for (parse_int_param, fe-connect.c). */
export function wholeNumber(parameters: ConnectionParameters, name: string): number | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  const number = Number(value)
  if (!/^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/.test(value) || Math.abs(number) > 0x7fffffff) {
    throw new Error(`invalid integer value "${value}" for connection option "${name}"`)
  }
  return number
}

/** Sets what node-postgres takes of keepalives: their count and interval are those of the system. */
export function keepalives(parameters: ConnectionParameters): {
  readonly keepAlive?: boolean
  readonly keepAliveInitialDelayMillis?: number
} {
  if (wholeNumber(parameters, 'keepalives') === 0) return {}
  const idle = wholeNumber(parameters, 'keepalives_idle') ?? 0
  wholeNumber(parameters, 'keepalives_interval')
  wholeNumber(parameters, 'keepalives_count')
  return { keepAlive: true, ...(idle > 0 ? { keepAliveInitialDelayMillis: idle * 1000 } : {}) }
}
