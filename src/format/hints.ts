/** What to do next where several errors call for the same. */
export const hints = {
  anyOrder: 'Open the archive by its path, or with the option spool (--spool), to read data in any order',
  damaged: 'The archive is damaged here',
  incomplete: 'The archive is incomplete: the dump or a copy of it was cut short',
} as const
