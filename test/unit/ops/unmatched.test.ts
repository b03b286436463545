import { expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const shop = viewOf([
  entryOf(1, { desc: 'SCHEMA', tag: 'sales', namespace: '' }),
  entryOf(2, { desc: 'TABLE', tag: 'orders', namespace: 'sales' }),
  entryOf(3, { desc: 'TABLE', tag: 'Users', namespace: 'public' }),
  entryOf(4, { desc: 'TRIGGER', tag: 'orders audit', namespace: 'sales' }),
  entryOf(5, { desc: 'FUNCTION', tag: 'total(integer)', namespace: 'sales' }),
])

const warnings = (selection: Selection): (string | undefined)[] => {
  const found: Finding[] = []
  filter(shop, selection, { onWarning: (finding) => found.push(finding) })
  return found.flatMap(({ code, message, hint }) => [code, message, hint?.split('?')[0]])
}

it.each<[string, Selection, string, string]>([
  ['a name with its schema', { tables: ['sales.orders'] }, 'table "sales.orders"', '-n sales -t orders'],
  ['quotes', { tables: ['"Users"'] }, 'table "\\"Users\\""', 'Leave the quotes out: Users'],
  ['quotes with a schema', { tables: ['public."Users"'] }, 'table "public.\\"Users\\""', '-n public -t Users'],
  ['another spelling', { tables: ['users'] }, 'table "users"', 'Did you mean "Users"'],
  ['a schema', { schemas: ['sale'] }, 'schema "sale"', 'Did you mean "sales"'],
  ['a trigger', { triggers: ['audits'] }, 'trigger "audits"', 'Names are compared as'],
  ['a trigger without its table', { triggers: ['audit'] }, 'trigger "audit"', '-T "orders audit"'],
  ['a function', { functions: ['total(int)'] }, 'function "total(int)"', 'Names are compared as the list shows them'],
  ['another schema', { schemas: ['public'], tables: ['orders'] }, 'table "orders"', 'the other options leave it out'],
  ['a pattern', { tables: ['sales.x*'], match: 'pattern' }, 'table "sales.x*"', 'Patterns are those of psql'],
])('filter() says what a name that matches nothing was probably meant to be: %s', (_, selection, what, hint) => {
  expect(warnings(selection)).toEqual(['NAME_UNMATCHED', `no entry matches ${what}`, expect.stringContaining(hint)])
})

it('filter() warns of no name that matched', () => {
  expect(warnings({ schemas: ['sales'], tables: ['orders'], triggers: ['orders audit'] })).toEqual([])
})

it('filter() gives a hint for the first ten names only', () => {
  const found: Finding[] = []
  const tables = Array.from({ length: 12 }, (_, index) => `none${index}`)
  filter(shop, { tables }, { onWarning: (finding) => found.push(finding) })
  expect(found.map(({ hint }) => hint !== undefined)).toEqual(tables.map((_, index) => index < 10))
})
