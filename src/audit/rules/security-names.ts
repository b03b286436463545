import { PsqlReader, type UnsafeKind } from '../../sql/psql-reader.ts'
import type { ArchiveView } from '../../view.ts'
import type { MarkedRule } from '../marked-rule.ts'
import { surveyOf } from '../survey.ts'

/** The strings of the header, which scripts and lists print as they are. */
function headerTexts({ header }: ArchiveView): readonly (readonly [name: string, text: string | null])[] {
  return [
    ['database name', header.dbname],
    ['server version', header.remoteVersion],
    ['version of pg_dump', header.dumpVersion],
  ]
}

const lineBreak = /[\n\r]/
/** Neither printable ASCII nor part of a longer character. */
const otherControl = /[^ -~\u0080-\u00ff\n\r]/
/** The second set of controls, which begin escape sequences of terminals: as UTF-8, and as a byte of LATIN encodings. */
const secondControl = /\u00c2[\u0080-\u009f]/
const secondByte = /[\u0080-\u009f]/
const hasSecondByte = /^(?:LATIN\d+|ISO_8859_\d)$/
/** Marks that turn the direction of writing, as UTF-8: what is shown is not what is there. */
const turned = /\u00e2\u0080[\u00aa-\u00ae]|\u00e2\u0081[\u00a6-\u00a9]/
/** What begins a line that something other than a comment would be made of. */
const lineOfCode =
  /[\n\r][ \t]*(?:\\|(?:ALTER|CALL|COMMENT|COPY|CREATE|DELETE|DO|DROP|EXECUTE|GRANT|INSERT|LOAD|MERGE|REASSIGN|RESET|REVOKE|SELECT|SET|TRUNCATE|UPDATE|WITH)\b)/i
const sqlMarks = /;|--|\/\*|\*\/|\\!/
const versionText = /^[\w.+~()/ :,-]*$/

const says: Readonly<Record<UnsafeKind, string>> = {
  'meta-command': 'has a backslash outside of quotes, which is a command to psql',
  variable: 'has a place where psql puts in a variable of its own',
  'copy-from-stdin': 'has a COPY … FROM stdin, which makes rows of what follows in a script',
  ambiguous: 'is read in different ways by different releases of psql',
  unclosed: 'ends within a quote, comment or statement, and takes in what follows in a script',
  nul: 'has a NUL, where psql leaves out the rest of the line',
}

/** Without any of these psql has nothing to do but to send. */
const forPsql = /[\\\0]|(?<!:):(?![:=])|stdin/i

const documentation = 'https://www.postgresql.org/docs/current/app-psql.html'

/** Rules about names, and about texts that psql does not just send. */
export const nameRules: readonly MarkedRule[] = [
  {
    id: 'name-with-line-break',
    severity: 'warning',
    category: 'security',
    message: 'A name has a line break',
    explanation:
      'pg_restore writes names into comments of its scripts. Releases before the fixes of CVE-2012-0868 and CVE-2025-8715 ' +
      'let a line break end such a comment: what follows in the name is run, as SQL or as a command of psql. The type of ' +
      'an entry and the version strings of an archive are still written as they are. It is an error where the next line ' +
      'looks like a command, and in a type, which no pg_dump writes that way.',
    fix: 'Rename the object; restore with pg_restore -d, not by a script, and with a release that has the fixes.',
    links: ['https://www.postgresql.org/support/security/CVE-2025-8715/'],
    check({ view, report }) {
      for (const { entry, field, text } of surveyOf(view.toc).names) {
        if (!lineBreak.test(text)) continue
        const grave = field === 'desc' || lineOfCode.test(text)
        const behind = lineOfCode.test(text) ? ', and what looks like a command behind it' : ''
        report({
          entry,
          message: `Its ${field} has a line break${behind}`,
          severity: grave ? 'error' : undefined,
        })
      }
      for (const [name, text] of headerTexts(view)) {
        if (text !== null && lineBreak.test(text)) {
          report({ object: name, message: `The ${name} of the archive has a line break`, severity: 'error' })
        }
      }
    },
  },
  {
    id: 'name-with-control-characters',
    severity: 'warning',
    category: 'security',
    message: 'A name has control characters or marks of writing direction',
    explanation:
      'Lists of pg_restore print names as they are: escape sequences in them reach the terminal, where they can hide ' +
      'text or do worse, and marks of writing direction make a name look like another.',
    fix: 'Rename the object; look at lists of this archive with programs that show control characters.',
    links: ['https://www.postgresql.org/docs/current/app-pgrestore.html'],
    check({ view, report }) {
      const { encoding } = view.settings
      const utf8 = encoding === 'UTF8'
      const second = utf8 ? secondControl : hasSecondByte.test(encoding) ? secondByte : undefined
      for (const { entry, field, text } of surveyOf(view.toc).names) {
        const control = otherControl.exec(text)?.[0] ?? second?.exec(text)?.[0].at(-1)
        if (control !== undefined) {
          const code = control.charCodeAt(0).toString(16).padStart(2, '0')
          report({ entry, message: `Its ${field} has the control character 0x${code}` })
        } else if (utf8 && turned.test(text)) {
          report({ entry, message: `Its ${field} has marks that turn the direction of writing` })
        }
      }
    },
  },
  {
    id: 'odd-version-text',
    severity: 'error',
    category: 'security',
    message: 'The archive names a version in an odd way',
    explanation:
      'Scripts of pg_restore have the versions of the server and of pg_dump in comments, as they are in the archive. ' +
      'Anything but a version there is no work of pg_dump.',
    fix: 'Do not restore the archive before you know where it comes from.',
    links: ['https://www.postgresql.org/support/security/CVE-2025-8714/'],
    check({ view, report }) {
      for (const [name, text] of headerTexts(view).slice(1)) {
        if (text === null || versionText.test(text) || lineBreak.test(text)) continue
        report({ object: name, message: `The ${name} has characters that no version has` })
      }
    },
  },
  {
    id: 'name-like-sql',
    severity: 'notice',
    category: 'security',
    message: 'A name has marks that end or hide SQL',
    explanation:
      'A semicolon, a comment mark or a command of psql in a name is allowed, and harmless where every program quotes it. ' +
      'Names like that are made to find programs that do not.',
    fix: 'Rename the object, or see that what works with its name quotes it.',
    links: ['https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS'],
    check({ view, report }) {
      for (const { entry, field, text } of surveyOf(view.toc).names) {
        const desc = entry.raw.byteString('desc') ?? ''
        // their tags are written as SQL, or are of operators, which consist of such marks
        if (/^(?:ACL|COMMENT|SECURITY LABEL|OPERATOR|CAST|TABLE DATA|SEQUENCE SET|STATISTICS DATA)$/.test(desc))
          continue
        if ((field !== 'tag' && field !== 'owner') || lineBreak.test(text)) continue
        const mark = sqlMarks.exec(text)?.[0]
        if (mark !== undefined) report({ entry, message: `Its ${field} has ${mark} in it` })
      }
    },
  },
  {
    id: 'psql-command-in-definition',
    severity: 'error',
    category: 'security',
    message: 'A definition makes psql do something',
    explanation:
      'In a script, psql takes a backslash outside of quotes for a command: \\! runs a shell. Whoever made the archive ' +
      'would have it run by whoever restores it (CVE-2025-8714). \\restrict, which newer releases of pg_restore put ' +
      'around their scripts, keeps psql from it, but older releases of psql do not know it, and those before the fix of ' +
      'CVE-2026-18408 can be talked out of it.',
    fix: 'Restore with pg_restore -d, never by a script, and only when you know where the archive comes from.',
    links: ['https://www.postgresql.org/support/security/CVE-2025-8714/', documentation],
    marks: { anywhere: forPsql },
    definition(entry, [first], { view, report }) {
      if (first === undefined) return
      tellUnsafe('defn', first.text, view, (message, position) => report({ entry, message, position }))
    },
    check({ view, catalog, report }) {
      for (const entry of catalog.withoutStatement) {
        const text = entry.raw.byteString('defn') ?? ''
        tellUnsafe('defn', text, view, (message, position) => report({ entry, message, position }))
      }
      for (const { entry, field, text } of surveyOf(view.toc).otherTexts) {
        tellUnsafe(field, text, view, (message) => report({ entry, message }))
      }
    },
  },
]

/** Tells once of each kind of thing in a text that psql does not just send. */
function tellUnsafe(
  field: 'defn' | 'dropStmt' | 'copyStmt',
  text: string,
  { settings: { stdStrings, encoding } }: ArchiveView,
  tell: (message: string, offset: number) => void,
): void {
  if (!forPsql.test(text)) return
  const told = new Set<UnsafeKind>()
  const onUnsafe = ({ kind, offset }: { readonly kind: UnsafeKind; readonly offset: number }): void => {
    // of a COPY command that is what it is for; what is not ended is another rule's
    if (told.has(kind) || kind === 'unclosed' || (field === 'copyStmt' && kind === 'copy-from-stdin')) return
    told.add(kind)
    tell(`Its ${field} ${says[kind]}`, offset)
  }
  const reader = new PsqlReader({ stdStrings, encoding, onUnsafe })
  reader.begin(field === 'copyStmt' ? 'copy statement' : 'sql')
  reader.push(text)
  reader.end()
}
