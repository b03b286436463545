// @ts-check
// An archive with other roles, wherever it names them: owners, grants, policies, settings, …
// node examples/map-owners.mjs ARCHIVE OUTPUT OLD=NEW...
import { convert, open, parseNamePairs, rewriteOwner } from 'pgdmp'

const [input, output, ...pairs] = process.argv.slice(2)
if (input === undefined || output === undefined) throw new Error('usage: map-owners.mjs ARCHIVE OUTPUT OLD=NEW...')

const archive = await open(input)
try {
  const renamed = rewriteOwner(archive, parseNamePairs(pairs))
  const { entries } = await convert(renamed, output)
  console.log(`${output}: ${entries} entries`)
  // What only may be a role's name, such as a word in a function's body, is left alone
  for (const { desc, tag, name, reason } of renamed.undecided()) console.log(`${desc} ${tag} says ${name}: ${reason}`)
  for (const name of renamed.unusedNames()) console.log(`Nothing says ${name}`)
} finally {
  await archive.close()
}
