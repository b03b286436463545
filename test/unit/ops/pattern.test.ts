import { describe, expect, it } from 'vitest'
import { compilePattern, type PatternKind } from '../../../src/ops/pattern.ts'

const names = ['orders', 'Orders', 'orders_2024', 'order', 'a.b', 'x$y', 'f(integer, text)', 'f("My.Type"[])', 'Ünits']
const matching = (pattern: string, kind?: PatternKind): string[] => {
  const compiled = compilePattern(pattern, kind)
  return names.filter((name) => compiled.matches('app', name))
}

describe('compilePattern()', () => {
  it.each([
    ['orders', ['orders']],
    ['ORDERS', ['orders']],
    ['"Orders"', ['Orders']],
    ['orders*', ['orders', 'orders_2024']],
    ['order?', ['orders']],
    ['order[a-s]', ['orders']],
    ['order(|s)', ['orders', 'order']],
    ['x$y', ['x$y']],
    ['"a.b"', ['a.b']],
    ['order"s_"*', ['orders_2024']],
    ['orders_[[:digit:]]{4}', ['orders_2024']],
    ['"f(integer, text)"', ['f(integer, text)']],
    ['[[:upper:]]*', ['Orders', 'Ünits']],
    ['*\\d', ['orders_2024']],
    ['nothing', []],
  ])('matches whole names as psql does: %j', (pattern, expected) => {
    expect(matching(pattern)).toEqual(expected)
  })

  it('looks in every schema without one, else in those that match', () => {
    const matches = (pattern: string, namespace: string | null): boolean =>
      compilePattern(pattern).matches(namespace, 'orders')
    expect([matches('orders', 'x'), matches('orders', null)]).toEqual([true, true])
    expect([matches('a*.orders', 'app'), matches('a*.orders', 'b'), matches('*.orders', null)]).toEqual([
      true,
      false,
      false,
    ])
    expect(matches('"A".o*', 'a')).toBe(false)
  })

  it('compares arguments of functions as they are shown', () => {
    expect(matching('f(integer, TEXT)', 'function')).toEqual(['f(integer, text)'])
    expect(matching('f("My.Type"[])', 'function')).toEqual(['f("My.Type"[])'])
    expect(matching('f(*[])', 'function')).toEqual(['f("My.Type"[])'])
    expect(matching('app.f', 'function')).toEqual(['f(integer, text)', 'f("My.Type"[])'])
    expect(matching('f|g', 'function')).toEqual([])
  })

  it.each([
    ['db.app.orders', 'name', 'too many parts'],
    ['db.app', 'schema', 'too many parts'],
    ['a(b', 'name', 'a(b'],
    ['+', 'name', '+'],
    ['a[b', 'name', 'a bracket is not closed'],
    ['a\\', 'name', 'ends with a backslash'],
    ['\\q', 'name', 'not an escape'],
    ['[[:none:]]', 'name', 'not a character class'],
  ] as const)('refuses %j as a %s', (pattern, kind, message) => {
    expect(() => compilePattern(pattern, kind)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
    )
  })
})
