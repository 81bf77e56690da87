const c1 = 0xcc9e2d51
const c2 = 0x1b873593

/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain) over the low bytes of the characters, so that the Latin-1 of a
 * header hashes as its bytes on the wire do. 32 bits, unsigned. No guard against somebody who looks for collisions:
 * what he gains is to choose his endpoint, which a key lets him do anyway.
 */
export function murmur3(text: string, seed = 0): number {
  const { length } = text
  const wholeLength = length & ~3
  let hash = seed
  for (let at = 0; at < wholeLength; at += 4) {
    const block =
      (text.charCodeAt(at) & 0xff) |
      ((text.charCodeAt(at + 1) & 0xff) << 8) |
      ((text.charCodeAt(at + 2) & 0xff) << 16) |
      ((text.charCodeAt(at + 3) & 0xff) << 24)
    hash = rotate(hash ^ mixBlock(block), 13)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = length - 1; at >= wholeLength; at--)
    tail = (tail << 8) | (text.charCodeAt(at) & 0xff)
  return spread(hash ^ mixBlock(tail) ^ length)
}

/** Its finalizer: a bijection after which no bit of the result follows one of `bits` alone. */
export function spread(bits: number): number {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function mixBlock(block: number): number {
  return Math.imul(rotate(Math.imul(block, c1), 15), c2)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
