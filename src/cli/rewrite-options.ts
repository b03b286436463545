import {
  ArchiveError,
  formatNumber,
  isRewritten,
  parseNameMap,
  parseNamePairs,
  rewriteDatabaseName,
  rewriteOwner,
  rewriteSchema,
  rewriteTableAccessMethod,
  rewriteTablespace,
} from '../index.ts'
import type { AllOwners, ArchiveView, FilteredView, NameMap, RewriteOptions } from '../index.ts'
import { readText, type CommandLine, type OwnOptionId } from './command-line.ts'
import { complain, type Terminal } from './terminal.ts'

/** Options that replace names, the same for every command that has them. */
export const rewriteOptions = {
  own: [
    'map-owner',
    'owner',
    'map-file',
    'map-schema',
    'map-tablespace',
    'map-access-method',
    'database-name',
    'strict',
  ],
} as const satisfies { own: readonly OwnOptionId[] }

/** What a command line asks to be replaced; absent: nothing of that kind. */
export interface Rewrites {
  readonly owners?: NameMap | AllOwners
  readonly schemas?: NameMap
  readonly tablespaces?: NameMap
  readonly accessMethods?: NameMap
  readonly databaseName?: string
  readonly strict: boolean
}

/** Reads the options of {@link rewriteOptions}. @throws ArchiveError USAGE */
export async function rewritesFrom(terminal: Terminal, line: CommandLine): Promise<Rewrites> {
  const owners = await ownersFrom(terminal, line)
  const schemas = namesFrom(line, 'map-schema')
  const tablespaces = namesFrom(line, 'map-tablespace')
  const accessMethods = namesFrom(line, 'map-access-method')
  const databaseName = line.own('database-name').at(-1)
  const strict = line.own('strict').length > 0
  const rewrites: Rewrites = {
    ...(owners === undefined ? {} : { owners }),
    ...(schemas === undefined ? {} : { schemas }),
    ...(tablespaces === undefined ? {} : { tablespaces }),
    ...(accessMethods === undefined ? {} : { accessMethods }),
    ...(databaseName === undefined ? {} : { databaseName }),
    strict,
  }
  if (strict && Object.keys(rewrites).length === 1) {
    throw new ArchiveError('USAGE', '--strict: nothing is renamed', { hint: 'It goes with --map-owner and its like' })
  }
  return rewrites
}

/** Replaces what was asked for; names in the selection are those of the archive. */
export function applyRewrites(view: FilteredView, rewrites: Rewrites, options: RewriteOptions): FilteredView
export function applyRewrites(view: ArchiveView, rewrites: Rewrites, options: RewriteOptions): ArchiveView
export function applyRewrites(view: ArchiveView, rewrites: Rewrites, { onWarning }: RewriteOptions): ArchiveView {
  const options: RewriteOptions = { strict: rewrites.strict, ...(onWarning === undefined ? {} : { onWarning }) }
  const { owners, schemas, tablespaces, accessMethods, databaseName } = rewrites
  let rewritten = view
  if (owners !== undefined) rewritten = rewriteOwner(rewritten, owners, options)
  if (tablespaces !== undefined) rewritten = rewriteTablespace(rewritten, tablespaces, options)
  if (accessMethods !== undefined) rewritten = rewriteTableAccessMethod(rewritten, accessMethods, options)
  if (schemas !== undefined) rewritten = rewriteSchema(rewritten, schemas, options)
  if (databaseName !== undefined) rewritten = rewriteDatabaseName(rewritten, databaseName, options)
  return rewritten
}

/** Says which names nothing has, and how much was left alone; to be called when all has been read anyway. */
export function reportRewrites(terminal: Terminal, view: ArchiveView): void {
  if (!isRewritten(view)) return
  for (const name of view.unusedNames()) {
    complain(terminal, `warning: nothing to rename: the archive has no ${JSON.stringify(name)} in what is selected`)
  }
  const places = view.undecided().length
  if (places > 0) {
    complain(terminal, `${formatNumber(places)} ${places === 1 ? 'place' : 'places'} may need a new name by hand`)
  }
}

/** What an option says goes before what a file says. */
async function ownersFrom(terminal: Terminal, line: CommandLine): Promise<NameMap | AllOwners | undefined> {
  const names = new Map<string, string>()
  for (const file of line.own('map-file')) {
    const text = await readText(terminal, 'map file', file)
    for (const [oldName, newName] of parseNameMap(text)) names.set(oldName, newName)
  }
  for (const [oldName, newName] of parseNamePairs(line.own('map-owner'))) names.set(oldName, newName)
  const all = line.own('owner').at(-1)
  if (all !== undefined) return { all, map: names }
  return names.size === 0 ? undefined : names
}

function namesFrom(line: CommandLine, option: OwnOptionId): NameMap | undefined {
  const texts = line.own(option)
  return texts.length === 0 ? undefined : parseNamePairs(texts)
}
