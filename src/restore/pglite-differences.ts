import type { WantedDatabase } from '../drill/place.ts'

/** PGlite has one database, in UTF8, without a locale but for what is a letter. */
export function differencesOf({ databaseOptions }: WantedDatabase): readonly string[] {
  if (databaseOptions === '') return ['its encoding is UTF8 and its locale is C: the archive does not tell its own']
  const encoding = /\bENCODING = '([^']*)'/.exec(databaseOptions)?.[1]
  const settings = /\b(LC_COLLATE|LC_CTYPE|LOCALE|ICU_LOCALE|BUILTIN_LOCALE) = '([^']*)'/g
  const locales = Array.from(databaseOptions.matchAll(settings), ([, setting, locale = '']) =>
    setting === 'LC_CTYPE' && /^C\.UTF-?8$/i.test(locale) ? 'C' : locale,
  )
  const others = [...new Set(locales)].filter((locale) => locale !== 'C')
  return [
    ...(encoding === undefined || encoding === 'UTF8' ? [] : [`its encoding is UTF8, in the archive ${encoding}`]),
    ...(others.length === 0 ? [] : [`its locale is C, in the archive ${others.join(' and ')}`]),
  ]
}
