/** The path of a request's target as an application sees it: without query, percent signs decoded to bytes. */
export function visiblePath(target: string): string {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  return path.includes('%') ? path.replace(percentEncoded, decodeByte) : path
}

/** A path, or the value of a header, of the configuration in the same alphabet: one character a byte of UTF-8. */
export function visiblePattern(pattern: string): string {
  return Buffer.from(pattern, 'utf8').toString('latin1')
}

/** Without the parameters of segments (RFC 3986 §3.3), as servlet containers and others drop them. */
export function plainPath(path: string): string {
  return path.replace(parameters, '').replace(slashes, '/')
}

const percentEncoded = /%([0-9A-Fa-f]{2})/g
const parameters = /;[^/]*/g
const slashes = /\/{2,}/g

function decodeByte(_: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}
