import type { PathNormalization } from '../model/policy/path-normalization.ts'

/** Nothing but letters that stand for themselves, no dot segment, no empty one. */
const ordinary = /^(?:\/(?!\.{0,2}[/;]|\.{1,2}$)[A-Za-z0-9\-_~!$&'()*+,;=:@.]*)+$/

/**
 * The one spelling of a path for all that could be meant by it (RFC 3986 §6.2.2), to be matched and to be passed on. The
 * query stays as it came. Undefined: readers could disagree about what it means, so nobody gets it (faults C5).
 */
export function normalizePath(
  target: string,
  mode: Exclude<PathNormalization, 'none'>,
): string | undefined {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (ordinary.test(path)) return target
  // Of OPTIONS; a CONNECT has no path.
  if (path === '*' || path === '') return target
  const decoded = decodeUnreserved(path, mode === 'decodeAndMergeSlashes')
  if (decoded === undefined) return undefined
  const merged = mode === 'base' ? decoded : decoded.replace(/\/{2,}/g, '/')
  const resolved = resolveDots(merged)
  return resolved === undefined || mark < 0 ? resolved : resolved + target.slice(mark)
}

/** What no target holds (RFC 3986 §2), or what begins an escape and ends too early. */
const malformed = /[^!-~]|%(?![0-9A-F]{2})/i
const otherSlashes = /\\|%2F|%5C/gi
/** NUL ends texts in C. C0, C1 and F5 to FF begin no character of UTF-8, and old decoders make slashes and dots of them. */
const ambiguous = /\\|%(?:00|2F|5C|C0|C1|F[5-9A-F])/i
const escape = /%[0-9A-F]{2}/gi

function decodeUnreserved(path: string, decodesSlashes: boolean): string | undefined {
  if (malformed.test(path)) return undefined
  const slashed = decodesSlashes ? path.replace(otherSlashes, '/') : path
  return ambiguous.test(slashed) ? undefined : slashed.replace(escape, decodeOne)
}

/** RFC 3986 §2.3 and §6.2.2.1. */
function decodeOne(text: string): string {
  const character = String.fromCharCode(Number.parseInt(text.slice(1), 16))
  return /[A-Za-z0-9\-._~]/.test(character) ? character : text.toUpperCase()
}

/** RFC 3986 §5.2.4. Undefined: a dot segment with parameters, which only some would take for one. */
function resolveDots(path: string): string | undefined {
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    if (/^\.{1,2}(?:;|%3B)/.test(segment)) return undefined
    const isDot = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    // What comes last ends with a slash, as the folder that it means.
    if (!isDot) kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
