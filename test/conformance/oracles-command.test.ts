import { describe, test } from 'vitest'
import { allArchives, corpusRoot, withoutCorpus } from '../helpers/corpus.ts'
import { commandLine, expectOracle, folderOf, oraclesOf } from '../helpers/oracles.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

if (corpusRoot === undefined) test('the full corpus', (context) => context.skip(withoutCorpus))

describe.concurrent('pgdmp pg_restore prints what pg_restore printed', () => {
  for (const { name, archive, oracle, compat } of oraclesOf(allArchives())) {
    // Old versions differ in how they are read; that options work on them the tests of the library show in less time.
    if (archive.version === 'derived' && !/^(?:list-18|sql-1[38])$/.test(oracle.label)) continue
    test(name, async () => {
      const args = [cli, 'pg_restore', '--compat', compat, ...commandLine(archive, oracle)]
      const outcome = await run(process.execPath, args, { cwd: folderOf(archive), env: { TZ: 'UTC', LC_ALL: 'C' } })
      expectOracle(archive, oracle, outcome)
    })
  }
})
