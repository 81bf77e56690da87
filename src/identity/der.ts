/** One value of ASN.1 in DER (X.690 §10). */
export interface DerElement {
  /** Identifier octet; only numbers below 31 occur in certificates. */
  readonly tag: number
  readonly content: Buffer
}

export class DerError extends Error {
  override readonly name = 'DerError'
}

/** The elements that fill `bytes` exactly. @throws DerError for everything else, BER's liberties included. */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = []
  let offset = 0
  while (offset < bytes.length) {
    const { tag, start, end } = readHeader(bytes, offset)
    elements.push({ tag, content: bytes.subarray(start, end) })
    offset = end
  }
  return elements
}

/** The only element of `bytes`, which must have this tag. @throws DerError */
export function readOnly(bytes: Buffer, tag: number): DerElement {
  const [element, ...rest] = readElements(bytes)
  if (element?.tag !== tag || rest.length > 0) throw new DerError(`expected one element ${tag}`)
  return element
}

interface Header {
  readonly tag: number
  readonly start: number
  readonly end: number
}

function readHeader(bytes: Buffer, offset: number): Header {
  const tag = byteAt(bytes, offset)
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several octets')
  const first = byteAt(bytes, offset + 1)
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f
  if (first >= 0x80 && (lengthOctets === 0 || lengthOctets > 3))
    throw new DerError('an indefinite or oversized length')
  const start = offset + 2 + lengthOctets
  const length = lengthOctets === 0 ? first : readLongLength(bytes, offset + 2, lengthOctets)
  if (start + length > bytes.length) throw new DerError('an element beyond the end')
  return { tag, start, end: start + length }
}

function readLongLength(bytes: Buffer, offset: number, octets: number): number {
  let length = 0
  for (let index = 0; index < octets; index++) length = length * 256 + byteAt(bytes, offset + index)
  const least = octets === 1 ? 0x80 : 256 ** (octets - 1)
  if (length < least) throw new DerError('a length that is not the shortest')
  return length
}

function byteAt(bytes: Buffer, offset: number): number {
  const byte = bytes[offset]
  if (byte === undefined) throw new DerError('an element beyond the end')
  return byte
}
