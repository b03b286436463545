import { expect, test } from 'vitest'
import { FailureGroups } from '../../../src/restore/failures.ts'
import { ServerError } from '../../../src/restore/target.ts'

test('FailureGroups tells causes apart that it knew before it had too many', () => {
  const groups = new FailureGroups()
  const add = (message: string): void => {
    const error = new ServerError(message, { sqlState: 'P0001' })
    const failure = {
      stage: 'processing',
      entry: undefined,
      complaint: '',
      statement: 'SELECT 1',
      fatal: false,
    } as const
    groups.add({ ...failure, error })
  }
  for (let number = 0; number < 1000; number++) add(`cause ${number}`)
  for (const message of ['cause 7', 'cause 1000', 'cause 1001']) add(message)
  const counted = groups.list().filter(({ count }) => count > 1)
  expect(counted).toMatchObject([
    { cause: 'cause 7', count: 2 },
    { cause: 'other errors of SQLSTATE P0001', count: 2, messages: ['cause 1000', 'cause 1001'] },
  ])
})
