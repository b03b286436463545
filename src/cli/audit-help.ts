import { limitsHelp } from './limits-option.ts'

/** Help of `pgdmp audit`. */
export const auditHelp = `Says what restoring archives would do and what it would come across, by their tables of
contents alone: no server, and nothing of the archive is run.

Usage:
  pgdmp audit [OPTION]... ARCHIVE...

Output:
      --format=FORMAT          text, json, ndjson, sarif or markdown (default: text)
  -f, --file=FILE              write to this file
      --all                    every finding, not only the first ten of a rule
      --inventory              also what the archive has, and who may do what (text)
      --fail-on=SEVERITY       status 1 from this severity on: error, warning, notice,
                               info or never (default: error)
      --baseline=FILE          leave out what an earlier report (--format=json) has

What else to look at:
      --target=NAME            what this place refuses: rds, aurora, cloudsql, azure,
                               supabase, neon, heroku, pglite, postgres:13 to 18 (as
                               superuser), postgres:17:owner (as owner of the database)
      --data                   read the rows too: keys, foreign keys, sequences
      --key-memory=BYTES       memory for keys with --data, such as 1G (default: 256M)

Scripts instead of a report:
      --roles-sql              create the roles that the archive needs
      --post-restore           what to run after the restore; with --data it also
                               compares the numbers of rows

Rules (spec/audit-rules.md):
      --rule=NAME=SETTING      off, on, error, warning, notice or info for a rule, or for
                               a category: security, restorability, target, hygiene
      --rules=FILE             further rules: a module that exports an array "rules"
      --inline                 let the archive itself say what is to be ignored:
                               "pgdmp-audit: ignore RULE" in comments of objects
      --list-rules             print all rules, as Markdown, and do nothing else
      --config=FILE            settings; pgdmp.audit.json of this folder counts unasked
      --no-config              do without it

Input:
      --input-format=c|d|t     format of the archive (found out by itself)
${limitsHelp}
      --spool                  copy standard input to a temporary file
      --max-buffer=BYTES       memory for buffers, such as 64M

Exit status: 0 good, 1 findings (--fail-on), 2 wrong usage, 3 unreadable.

Examples:
  pgdmp audit nightly.dump
  pgdmp audit --limits strict --rule hygiene=off from-a-stranger.dump
  pgdmp audit --format=json --fail-on=never -f known.json nightly.dump
  pgdmp audit --target supabase --data nightly.dump
  pgdmp audit --roles-sql nightly.dump | psql -d postgres
  pgdmp audit --baseline=known.json --fail-on=warning nightly.dump
`
