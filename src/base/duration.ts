const unitMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const

/** Gateway API's format (GEP-2257): one to four of `<up to 5 digits><h|m|s|ms>`. */
const duration = /^(?:\d{1,5}(?:h|ms|m|s)){1,4}$/
const component = /(\d+)(h|ms|m|s)/g

/** `1h30m`, `10s`, `500ms` in milliseconds; undefined when malformed. */
export function parseDuration(text: string): number | undefined {
  if (!duration.test(text)) return undefined
  let ms = 0
  for (const [, digits, unit] of text.matchAll(component))
    ms += Number(digits) * unitMs[unit as keyof typeof unitMs]
  return ms
}
