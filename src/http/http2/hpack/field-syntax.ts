import '../latin1.ts'

const nameByte = byteSet("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
/** Visible characters, obs-text, and the blanks that may stand inside a value. */
const valueByte = byteSet('\t ')
for (let byte = 0x21; byte < 256; byte++) valueByte[byte] = byte === 0x7f ? 0 : 1

const colon = 0x3a
const space = 0x20
const tab = 0x09

function byteSet(characters: string): Uint8Array {
  const set = new Uint8Array(256)
  for (const character of characters) set[character.charCodeAt(0)] = 1
  return set
}

/** A lower-case token, or one behind the colon of a pseudo-header field (RFC 9113 §8.2.1, §8.3). */
export function isFieldName(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] === colon ? start + 1 : start
  if (first >= end) return false
  for (let at = first; at < end; at++) if (nameByte[bytes[at] ?? 0] !== 1) return false
  return true
}

/** Neither control characters nor blanks at either end (RFC 9113 §8.2.1, RFC 9110 §5.5). */
export function isFieldValue(bytes: Buffer, start: number, end: number): boolean {
  if (start === end) return true
  if (isBlank(bytes[start]) || isBlank(bytes[end - 1])) return false
  for (let at = start; at < end; at++) if (valueByte[bytes[at] ?? 0] !== 1) return false
  return true
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab
}
