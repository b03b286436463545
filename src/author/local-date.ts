import type { CreateDate } from '../toc/types.ts'

/** A moment as this machine's clock shows it. */
export function localDate(date: Date = new Date()): CreateDate {
  const year = date.getFullYear()
  const standard = Math.max(new Date(year, 0).getTimezoneOffset(), new Date(year, 6).getTimezoneOffset())
  return {
    year,
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
    isdst: date.getTimezoneOffset() < standard ? 1 : 0,
  }
}
