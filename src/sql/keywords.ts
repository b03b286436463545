import type { Major } from './compat.ts'

/**
 * Category of a key word (kwlist.h); words of category unreserved are not listed here, as nothing here asks for them.
 */
export type KeywordCategory = 'reserved' | 'type or function name' | 'column name'

const words: Readonly<Record<KeywordCategory, string>> = {
  reserved: `all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
    leading limit localtime localtimestamp not null offset on only or order placing primary references returning select
    session_user some symmetric table then to trailing true union unique user using variadic when where window with`,
  'type or function name': `authorization binary collation concurrently cross current_schema freeze full ilike inner is
    isnull join left like natural notnull outer overlaps right similar tablesample verbose`,
  'column name': `between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
    inout int integer interval least national nchar none normalize nullif numeric out overlay position precision real
    row setof smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`,
}

/** Words that came after 13; none went from 13 to 18. `json` is unreserved in 16. */
const added: readonly { readonly since: Major; readonly category: KeywordCategory; readonly words: string }[] = [
  { since: 16, category: 'reserved', words: 'system_user' },
  { since: 16, category: 'column name', words: 'json_array json_arrayagg json_object json_objectagg' },
  {
    since: 17,
    category: 'column name',
    words: 'json json_exists json_query json_scalar json_serialize json_table json_value merge_action',
  },
]

const byMajor = new Map<Major, ReadonlyMap<string, KeywordCategory>>()

/**
 * The key words that a name must be quoted for, with their category: every category but unreserved (fmtId,
 * string_utils.c). From 13 to 15 they are the same.
 */
export function quotedKeywords(major: Major): ReadonlyMap<string, KeywordCategory> {
  let keywords = byMajor.get(major)
  if (keywords === undefined) {
    keywords = collect(major)
    byMajor.set(major, keywords)
  }
  return keywords
}

function collect(major: Major): Map<string, KeywordCategory> {
  const keywords = new Map<string, KeywordCategory>()
  const add = (category: KeywordCategory, list: string): void => {
    for (const word of list.split(/\s+/)) keywords.set(word, category)
  }
  add('reserved', words.reserved)
  add('type or function name', words['type or function name'])
  add('column name', words['column name'])
  for (const { since, category, words: list } of added) if (major >= since) add(category, list)
  return keywords
}
